-- Requests of a file, one after the other: their length on a line, then their bytes.
local calls, at = {}, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  for length in function() return file:read("*l") end do
    calls[#calls + 1] = file:read(tonumber(length))
  end
end

function request()
  at = at % #calls + 1
  return calls[at]
end
