-- /etc/envoy/lintel-client.lua: what a client may not say.

-- Beginnings of names: ours, those of other sign-in products, other ways to name the target or the method.
local FOREIGN = {
  "remote-", "x-remote-", "x-authentik-", "x-auth-request-", "x-auth-user", "x-webauth-", "x-pomerium-", "x-identity-",
  "cf-access-",
  "forwarded", "x-forwarded-", "x-original-", "x-rewrite-", "x-real-ip", "x-http-method", "x-method-override",
  "x-envoy-original-",
}

-- Envoy has written these two itself by now.
local KEPT = { ["x-forwarded-for"] = true, ["x-forwarded-proto"] = true }

-- Many apps read Remote_User and Remote.User as Remote-User: any other character than a letter or digit folds to "-".
local function is_foreign(name)
  if KEPT[name] or name:sub(1, 1) == ":" then return false end
  local folded = name:lower():gsub("[^a-z0-9]", "-")
  for _, prefix in ipairs(FOREIGN) do
    if folded:sub(1, #prefix) == prefix then return true end
  end
  return false
end

function envoy_on_request(handle)
  local headers, foreign = handle:headers(), {}
  for name in pairs(headers) do
    if is_foreign(name) then foreign[#foreign + 1] = name end
  end
  for _, name in ipairs(foreign) do headers:remove(name) end
  -- Envoy appends the peer to what the client claimed; only the peer is a fact.
  local forwarded = headers:get("x-forwarded-for")
  if forwarded then headers:replace("x-forwarded-for", forwarded:match("([^%s,]+)%s*$")) end
end
