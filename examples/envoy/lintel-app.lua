-- /etc/envoy/lintel-app.lua: what Lintel used up never reaches the app.

local function is_lintel(cookie)
  local name = (cookie:match("^([^=]-)%s*=") or cookie):lower():gsub("^__host%-", ""):gsub("^__secure%-", "")
  return name == "lintel" or name:sub(1, 7) == "lintel-"
end

function envoy_on_request(handle)
  local headers, kept = handle:headers(), {}
  for i = 0, headers:getNumValues("cookie") - 1 do
    for part in headers:getAtIndex("cookie", i):gmatch("[^;]+") do
      local cookie = part:match("^%s*(.-)%s*$")
      if cookie ~= "" and not is_lintel(cookie) then kept[#kept + 1] = cookie end
    end
  end
  headers:remove("cookie")
  if #kept > 0 then headers:add("cookie", table.concat(kept, "; ")) end
  headers:remove("proxy-authorization")
  if headers:get("authorization") == "" then headers:remove("authorization") end
end
