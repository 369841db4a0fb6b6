/** The gate of the attack tests with a gRPC listener beside its HTTP one. */
import { gate, type Installation, type InstallationOptions } from '../attacks/fixture.ts';
import { freePort } from '../parts.ts';
import { type GrpcClient, grpcClient } from './client.ts';

export interface GrpcGate extends Installation {
  readonly grpcPort: number;
  readonly client: GrpcClient;
}

export async function grpcGate(options: InstallationOptions = {}): Promise<GrpcGate> {
  const grpcPort = await freePort();
  const started = await gate({ ...options, config: { grpc: `127.0.0.1:${grpcPort}`, ...options.config } });
  const client = grpcClient(`http://127.0.0.1:${grpcPort}`);
  return {
    ...started,
    grpcPort,
    client,
    stop: async () => {
      client.close();
      await started.stop();
    },
  };
}
