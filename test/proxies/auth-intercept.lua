-- Stands in for the module haproxy-auth-request, which no package brings here: the action `auth-intercept` with the arguments
-- and the variables that its manual describes, for one asterisk at the end of a name and without answers of its own.

local function patterns(list)
  local wanted = {}
  for name in list:gmatch("[^,]+") do
    wanted[#wanted + 1] = "^" .. name:gsub("%-", "%%-"):gsub("%*", ".*") .. "$"
  end
  return wanted
end

local function is_wanted(name, wanted)
  for _, pattern in ipairs(wanted) do
    if name:match(pattern) then return true end
  end
  return false
end

local function intercept(txn, backend, path, method, asked, copied)
  txn:set_var("txn.auth_response_successful", false)
  txn:set_var("txn.auth_response_code", 500)
  local address
  for _, server in pairs(core.backends[backend].servers) do address = server:get_addr() end
  local headers, wanted = {}, patterns(asked)
  for name, values in pairs(txn.http:req_get_headers()) do
    if is_wanted(name, wanted) then
      local list = {}
      for i = 0, #values do list[#list + 1] = values[i] end
      headers[name] = { table.concat(list, ", ") }
    end
  end
  assert(method == "HEAD", "this one asks with HEAD")
  local answer = core.httpclient():head({ url = "http://" .. address .. path, headers = headers, timeout = 20000 })
  if not answer or not answer.status or answer.status < 200 then return end
  txn:set_var("txn.auth_response_code", answer.status)
  local is_ok, wanted_back = answer.status < 300, patterns(copied)
  for name, values in pairs(answer.headers or {}) do
    for _, value in pairs(values) do
      txn:set_var("req.auth_response_header." .. name:gsub("[^a-zA-Z0-9]", "_"), value)
      if is_ok and is_wanted(name, wanted_back) then txn.http:req_set_header(name, value) end
    end
  end
  txn:set_var("txn.auth_response_successful", is_ok)
end

core.register_action("auth-intercept", { "http-req" }, intercept, 6)
