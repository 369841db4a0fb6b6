-- /etc/haproxy/lintel.lua
-- Asks Lintel about every request with HAProxy's own HTTP client. Explained in docs/proxies/haproxy.md.
-- Whatever goes wrong here ends in 503: no request passes without an explicit 200.

local LINTEL = "http://127.0.0.1:9091"
local CHECK = LINTEL .. "/api/authz/forward-auth"
-- Milliseconds for one try; HAProxy makes three.
local TIMEOUT = 6000

-- Every identity header that Lintel writes. A name that is missing here would reach the app as the client sent it.
local OWNED = { "remote-user", "remote-groups", "remote-name", "remote-email" }

-- Beginnings of names that no client may send: other sign-in products, other ways to name the target or the method.
local FOREIGN = {
  "remote-", "x-remote-", "x-authentik-", "x-auth-request-", "x-auth-user", "x-webauth-", "x-pomerium-", "x-identity-",
  "cf-access-",
  "forwarded", "x-forwarded-", "x-original-", "x-rewrite-", "x-real-ip", "x-http-method", "x-method-override",
}

-- What Lintel looks at besides the target.
local ASKED = {
  "cookie", "authorization", "proxy-authorization", "accept", "x-requested-with", "sec-fetch-mode", "destination",
}

-- What a client gets to see of a refusal.
local RELAYED = {
  "location", "set-cookie", "www-authenticate", "proxy-authenticate", "content-type", "cache-control", "retry-after",
  "x-lintel-error",
}

-- Many apps read Remote_User and Remote.User as Remote-User.
local function fold(name)
  return (name:lower():gsub("[^a-z0-9]", "-"))
end

local function is_foreign(name)
  local folded = fold(name)
  for _, prefix in ipairs(FOREIGN) do
    if folded:sub(1, #prefix) == prefix then return true end
  end
  return false
end

-- HAProxy counts header values from 0.
local function first(values)
  return values and values[0]
end

local function joined(values, separator)
  local list, i = {}, 0
  while values and values[i] do
    list[#list + 1] = values[i]
    i = i + 1
  end
  return #list > 0 and table.concat(list, separator) or nil
end

local function without_own_cookies(cookies)
  local kept = {}
  for cookie in cookies:gmatch("[^;]+") do
    local text = cookie:match("^%s*(.-)%s*$")
    local name = (text:match("^([^=]-)%s*=") or text):lower():gsub("^__host%-", ""):gsub("^__secure%-", "")
    if text ~= "" and name ~= "lintel" and name:sub(1, 7) ~= "lintel-" then kept[#kept + 1] = text end
  end
  return table.concat(kept, "; ")
end

local function refuse(txn, status, headers, body)
  local reply = txn:reply()
  reply:set_status(status)
  for _, name in ipairs(RELAYED) do
    local i = 0
    while headers[name] and headers[name][i] do
      reply:add_header(name, headers[name][i])
      i = i + 1
    end
  end
  reply:set_body(body)
  txn:done(reply)
end

local function unavailable(txn)
  refuse(txn, 503, { ["content-type"] = { [0] = "text/plain" }, ["cache-control"] = { [0] = "no-store" } },
    "503 Service Unavailable\nThe sign-in service did not answer.\n")
end

local function question(txn, headers)
  local asked = {
    ["x-forwarded-method"] = { txn.f:method() },
    ["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" },
    ["x-forwarded-host"] = { txn.f:req_hdr("host") },
    ["x-forwarded-uri"] = { txn.f:pathq() },
    ["x-forwarded-for"] = { txn.f:src() },
  }
  for _, name in ipairs(ASKED) do
    local value = joined(headers[name], name == "cookie" and "; " or ", ")
    if value then asked[name] = { value } end
  end
  -- HAProxy would write */* where the client sent none, and a script would be taken for a browser.
  asked["accept"] = asked["accept"] or { "" }
  return asked
end

core.register_action("lintel_check", { "http-req" }, function(txn)
  local headers = txn.http:req_get_headers()
  local answer = core.httpclient():get({ url = CHECK, headers = question(txn, headers), timeout = TIMEOUT })
  if not answer or not answer.status or answer.status < 200 then return unavailable(txn) end
  if answer.status ~= 200 then return refuse(txn, answer.status, answer.headers, answer.body or "") end

  for name in pairs(headers) do
    if is_foreign(name) then txn.http:req_del_header(name) end
  end
  for _, name in ipairs(OWNED) do
    local value = first(answer.headers[name])
    if value and value ~= "" then txn.http:req_set_header(name, value) end
  end
  -- "Connection: Remote-User" asks the next hop to drop that header. Only an upgrade may be asked for.
  local upgrade = (joined(headers["connection"], ",") or ""):lower():find("upgrade", 1, true)
  txn.http:req_del_header("connection")
  if upgrade then txn.http:req_set_header("connection", "upgrade") end
  -- What Lintel used up never reaches the app.
  txn.http:req_del_header("proxy-authorization")
  local authorization = first(answer.headers["authorization"])
  if authorization and authorization ~= "" then
    txn.http:req_set_header("authorization", authorization)
  else
    txn.http:req_del_header("authorization")
  end
  local cookies = headers["cookie"] and without_own_cookies(joined(headers["cookie"], "; "))
  if cookies then
    txn.http:req_del_header("cookie")
    if cookies ~= "" then txn.http:req_set_header("cookie", cookies) end
  end
end, 0)
