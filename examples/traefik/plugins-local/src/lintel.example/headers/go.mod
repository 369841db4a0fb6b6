module lintel.example/headers

go 1.22
