-- The lab's license token: a certs-only PKCS#7 whose last certificate has the license
-- in extensions under 1.3.6.1.4.1.32473.1.1.

local token = Proto("tslab_token", "TSLab license token")
local kinds = { [1] = "temporary", [2] = "CAL", [3] = "built-in", [4] = "Internet Connector" }
local f = {
    kind = ProtoField.uint8("tslab_token.kind", "Kind", base.DEC, kinds),
    license_id = ProtoField.string("tslab_token.license_id", "License id"),
    key_pack_id = ProtoField.string("tslab_token.key_pack_id", "Key pack id"),
    hardware_id = ProtoField.bytes("tslab_token.hardware_id", "Hardware id"),
    product = ProtoField.string("tslab_token.product", "Product"),
    version = ProtoField.string("tslab_token.version", "Version"),
    machine = ProtoField.string("tslab_token.machine", "Machine"),
    user = ProtoField.string("tslab_token.user", "User"),
    issuer = ProtoField.string("tslab_token.issuer", "Issuer"),
    from = ProtoField.string("tslab_token.issued", "Issued"),
    to = ProtoField.string("tslab_token.expires", "Expires"),
}
token.fields = f
local broken = ProtoExpert.new("tslab_token.broken", "License token is broken", expert.group.MALFORMED, expert.severity.ERROR)
token.experts = { broken }

local arc = "\6\11" .. T.unhex("2b0601040181fd590101")
local order = { "kind", "license_id", "key_pack_id", "hardware_id", "product", "version", "machine", "user", "issuer" }

-- der is where the content of the value at a position begins, and its length.
local function der(s, at)
    local n = s:byte(at + 1)
    if not n or n < 0x80 then return at + 2, n end
    local size, from = 0, at + 2
    for i = 1, n - 0x80 do size = size * 256 + (s:byte(from + i - 1) or 0) end
    return from + n - 0x80, size
end

-- validity finds the last two times before a position: those of the certificate that
-- the extensions belong to.
local function validity(s, before)
    local times, at = {}, 1
    while true do
        local a, b = s:find("[\23\24][\13\15]%d%d%d%d%d%d%d%d%d%d%d%d?%d?%d?Z", at)
        if not a or a > before then break end
        times[#times + 1] = { a + 1, b - a - 1, s:sub(a + 2, b) }
        at = b + 1
    end
    return times[#times - 1], times[#times]
end

local function readable(t)
    local year, rest = t:match("^(%d%d%d%d)(%d%d%d%d%d%d%d%d%d%d)Z$")
    if not year then
        year, rest = t:match("^(%d%d)(%d%d%d%d%d%d%d%d%d%d)Z$")
        if not year then return t end
        year = (tonumber(year) < 50 and "20" or "19") .. year
    end
    if year == "9999" then return "never" end
    return year .. "-" .. rest:gsub("(%d%d)(%d%d)(%d%d)(%d%d)(%d%d)", "%1-%2 %3:%4:%5 UTC")
end

local function add_field(tree, range, s, name, from, size)
    local inner, n = der(s, from) -- the value in its OCTET STRING
    if not n or inner + n - 1 > #s or n == 0 then
        tree:add_proto_expert_info(broken, name .. " does not decode")
        return nil
    end
    local r = range(inner - 1, n)
    if name == "kind" then
        tree:add(f.kind, range(inner - 1 + n - 1, 1))
        return kinds[s:byte(inner + n - 1)] or "unknown"
    elseif name == "hardware_id" then
        tree:add(f.hardware_id, r)
    elseif name == "version" then
        tree:add(f.version, r, string.format("%d.%d", s:byte(inner + 2) or 0, s:byte(inner + n - 1) or 0))
    else
        tree:add(f[name], r)
        return s:sub(inner, inner + n - 1)
    end
end

-- T.token shows a license and returns it in plain words.
function T.token(range, tree)
    local s = T.raw(range)
    local first = s:find(arc, 1, true)
    if not first then return string.format("somebody else's license of %d bytes", #s) end
    local t = tree:add(token, range)
    local known, at = {}, first
    while at do
        local number = s:byte(at + #arc)
        local from = der(s, at + #arc + 1)
        local name = order[number or 0]
        if name then known[name] = add_field(t, range, s, name, from) end
        at = s:find(arc, at + #arc, true)
    end
    local issued, expires = validity(s, first)
    if issued and expires then
        t:add(f.from, range(issued[1], issued[2]), readable(issued[3]))
        t:add(f.to, range(expires[1], expires[2]), readable(expires[3]))
        known.expires = readable(expires[3])
    end
    local text = string.format("%s, %s, expires %s", known.kind or "?", known.license_id or "?", known.expires or "?")
    t:append_text(": " .. text)
    return text
end
