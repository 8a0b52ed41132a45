-- The discovery datagram, as the comment of package wire/locate specifies it: UDP 3345.

local p = Proto("tslocate", "TSLab license server discovery")

local kinds = { [1] = "Query", [2] = "Reply" }
local scopes = { [0] = "any", "workgroup", "domain", "enterprise" }
local f = {
    magic = ProtoField.string("tslocate.magic", "magic"),
    version = ProtoField.uint8("tslocate.version", "version"),
    kind = ProtoField.uint8("tslocate.kind", "kind", base.DEC, kinds),
    nonce = ProtoField.bytes("tslocate.nonce", "nonce"),
    scope = ProtoField.uint8("tslocate.scope", "scope", base.DEC, scopes),
    group = ProtoField.string("tslocate.group", "group"),
    name = ProtoField.string("tslocate.name", "name"),
    port = ProtoField.uint16("tslocate.port", "port"),
    server_id = ProtoField.string("tslocate.server_id", "License Server ID"),
    edition = ProtoField.string("tslocate.edition", "edition"),
    activated = ProtoField.bool("tslocate.activated", "activated"),
    features = ProtoField.uint32("tslocate.features", "features", base.HEX),
    padding = ProtoField.bytes("tslocate.padding", "padding"),
}
local list = {}
for _, field in pairs(f) do list[#list + 1] = field end
p.fields = list

local x = {
    truncated = ProtoExpert.new("tslocate.truncated", "The datagram ends too early", expert.group.MALFORMED, expert.severity.ERROR),
    trailing = ProtoExpert.new("tslocate.trailing", "Bytes behind the reply", expert.group.MALFORMED, expert.severity.ERROR),
    version = ProtoExpert.new("tslocate.version.other", "Another version", expert.group.PROTOCOL, expert.severity.WARN),
    size = ProtoExpert.new("tslocate.size", "A query has 512 bytes", expert.group.MALFORMED, expert.severity.ERROR),
}
p.experts = x

-- text reads a text behind its length in one byte.
local function text(r, field, name)
    local head = r:take(1, name)
    if not head then return "" end
    if head:uint() == 0 then return "" end
    return (r:text(field, head:uint(), name, ENC_UTF_8)) or ""
end

local function query(r, t, tvb)
    local scope = r:le(f.scope, 1, "scope")
    local group, name = text(r, f.group, "group"), text(r, f.name, "name")
    if r:left() > 0 and not r.stopped then r:bytes(f.padding, r:left(), "padding") end
    if tvb:len() ~= 512 then t:add_proto_expert_info(x.size) end
    local words = (scopes[scope] or "?") .. " " .. group
    return "Query: " .. words .. (name ~= "" and ", name " .. name or "")
end

local function reply(r, t)
    local name = text(r, f.name, "name")
    local port = r:le(f.port, 2, "port")
    text(r, f.server_id, "server id")
    local edition = text(r, f.edition, "edition")
    r:le(f.scope, 1, "scope")
    text(r, f.group, "group")
    local activated = r:le(f.activated, 1, "flags")
    r:le(f.features, 4, "features")
    if r:left() > 0 and not r.stopped then t:add_proto_expert_info(x.trailing) end
    return string.format("Reply: %s, port %d, %s, %s", name, port or 0, edition, activated == 1 and "activated" or "not activated")
end

function p.dissector(tvb, pinfo, tree)
    if tvb:len() < 6 or tvb(0, 4):string() ~= "TSLD" then return 0 end
    pinfo.cols.protocol = "TSLOCATE"
    local t = tree:add(p, tvb())
    local r = T.Reader.new(tvb(), t, x.truncated)
    r:text(f.magic, 4, "magic", ENC_UTF_8)
    if r:le(f.version, 1, "version") ~= 1 then
        t:add_proto_expert_info(x.version)
        return tvb:len()
    end
    local kind = r:le(f.kind, 1, "kind")
    r:bytes(f.nonce, 16, "nonce")
    local words = kind == 1 and query(r, t, tvb) or kind == 2 and reply(r, t) or "?"
    t:append_text(", " .. words)
    pinfo.cols.info = words
    return tvb:len()
end

DissectorTable.get("udp.port"):add(3345, p)
