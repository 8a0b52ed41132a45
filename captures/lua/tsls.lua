-- The license server protocol, as the comment of package wire/tsls specifies it: in
-- TLS, known by its ALPN name and by port 3343.

local p = Proto("tsls", "TSLab license server protocol")

-- A message's fields, in their order: name and type, separated by a colon.
local requests = { [1] = "cal", [2] = "temp", [3] = "renew", [4] = "built-in", [5] = "internet-connector" }
local classes = { [0] = "none", "corrupt", "hwid-mismatch", "perm-fresh", "perm-near", "perm-expired", "temp", "temp-expired", "built-in" }
local answers = { "CAL-take", "CAL-own", "CAL-renew", "TEMP-new", "TEMP-row", "BUILTIN", "REFER", "KEEP", "DENY-expired", "DENY-empty", "DENY-stock", "DENY-served" }
local codes = { "version", "hello first", "malformed", "unknown type", "busy", "internal", "not activated", "activated", "document",
    "other server", "duplicate", "no license", "forbidden" }
local messages = {
    [0x01] = { "Hello", "version:u16 features:u32 program:text name:text edition:text" },
    [0x02] = { "Ping", "" },
    [0x03] = { "Allocate", "request:u8 presented:u8 license_id:text issuer:text expires:time hardware_id:hwid platform_id:u32 machine:text "
        .. "user:text domain:text mode:text edition:text features:u32 via_default:bool final:bool failed:*text hops:u8 referred_by:text validated:bool" },
    [0x04] = { "Mark", "license_id:text hardware_id:hwid issuer:text machine:text user:text expires:time" },
    [0x05] = { "Return", "license_id:text hardware_id:hwid" },
    [0x06] = { "Inquire", "license_id:text hardware_id:hwid" },
    [0x07] = { "Close", "hardware_id:hwid machine:text license_id:text server:text" },
    [0x08] = { "Peers", "" },
    [0x10] = { "GetActivationRequest", "company:text contact:text email:text country:text" },
    [0x11] = { "Activate", "document:blob" },
    [0x12] = { "InstallKeyPack", "document:blob" },
    [0x13] = { "KeyPacks", "" },
    [0x14] = { "Licenses", "after:text limit:u16" },
    [0x15] = { "ActivateByNumber", "server_id:text" },
    [0x16] = { "InstallByNumber", "pack_id:text" },
    [0x17] = { "GetOrder", "fields:*text" },
    [0x18] = { "Automatic", "operation:text fields:*text" },
    [0x19] = { "Deactivate", "confirmation:text" },
    [0x81] = { "ServerInfo", "version:u16 features:u32 name:text server_id:text edition:text scope:text activated:bool cal_issued_ever:bool "
        .. "per_user_pack:bool certificates:*blob roots:*blob site:text proof:blob" },
    [0x83] = { "Allocated", "answer:u8 license:blob referrals:*referral validated:bool cal_issued_ever:bool features:u32 former:*blob reason:text" },
    [0x84] = { "Marked", "created:bool" },
    [0x85] = { "Returned", "freed:bool" },
    [0x86] = { "Inquired", "known:bool validated:bool" },
    [0x87] = { "Closed", "closed:bool" },
    [0x88] = { "PeerList", "now:time group:text peers:*peer" },
    [0x90] = { "ActivationRequest", "document:blob" },
    [0x92] = { "KeyPackInstalled", "pack:keypack" },
    [0x93] = { "KeyPackList", "packs:*keypack" },
    [0x94] = { "LicenseList", "licenses:*license more:bool" },
    [0x97] = { "Order", "document:blob" },
    [0xff] = { "Error", "code:u16 text:text" },
}
local compounds = {
    referral = "name:text server_id:text address:text validated:bool",
    keypack = "id:text kind:text product:text program:text total:u32 issued:u32 available:u32 installed:time",
    peer = "name:text server_id:text address:text edition:text scope:text site:text activated:bool seen:bool doubted:bool heard:time pools:*pool",
    pool = "kind:text major:u16 minor:u16 total:u32 available:u32",
    license = "license_id:text key_pack_id:text kind:text product:text state:text hardware_id:hwid machine:text user:text issuer:text "
        .. "issued:time expires:time validated:bool",
}
local values = { request = requests, presented = classes, answer = answers, code = codes }
local names = {}
for kind, m in pairs(messages) do names[kind] = m[1] end

local f = {
    length = ProtoField.uint32("tsls.length", "length"),
    request_id = ProtoField.uint32("tsls.request_id", "request id"),
    type = ProtoField.uint8("tsls.type", "type", base.HEX, names),
}
local list = {}
for _, field in pairs(f) do list[#list + 1] = field end

-- key is a field's name in filters: that of the protocol, but where two of one name have
-- different types.
local others = { ["issued:u32"] = "issued_count" }
local function key(name, kind) return others[name .. ":" .. kind] or name end

-- field makes the field of a name once.
local kinds = { length = "u32", request_id = "u32", type = "u8" }
local function field(name, kind)
    name = key(name, kind)
    assert(kinds[name] == nil or kinds[name] == kind, "tsls: two types of " .. name)
    if f[name] then return end
    kinds[name] = kind
    local abbr, label = "tsls." .. name, name:gsub("_", " ")
    local make = {
        u8 = function() return ProtoField.uint8(abbr, label, base.DEC, values[name]) end,
        u16 = function() return ProtoField.uint16(abbr, label, base.DEC, values[name]) end,
        u32 = function() return ProtoField.uint32(abbr, label, (name == "features" or name == "platform_id") and base.HEX or base.DEC) end,
        bool = function() return ProtoField.bool(abbr, label) end,
        time = function() return ProtoField.string(abbr, label) end,
        text = function() return ProtoField.string(abbr, label) end,
        blob = function() return ProtoField.bytes(abbr, label) end,
        hwid = function() return ProtoField.bytes(abbr, label) end,
    }
    f[name] = (make[kind] or function() return ProtoField.none(abbr, label) end)()
    list[#list + 1] = f[name]
end
local function fields_of(spec)
    for name, kind in spec:gmatch("([%w_]+):%*?(%w+)") do field(name, kind) end
end
for _, m in pairs(messages) do fields_of(m[2]) end
for _, spec in pairs(compounds) do fields_of(spec) end
p.fields = list

local x = {
    truncated = ProtoExpert.new("tsls.truncated", "The message ends too early", expert.group.MALFORMED, expert.severity.ERROR),
    trailing = ProtoExpert.new("tsls.trailing", "Bytes behind the message", expert.group.MALFORMED, expert.severity.ERROR),
    unknown = ProtoExpert.new("tsls.type.unknown", "No such message", expert.group.PROTOCOL, expert.severity.WARN),
    length = ProtoExpert.new("tsls.length.wrong", "The length is out of range", expert.group.MALFORMED, expert.severity.ERROR),
    error = ProtoExpert.new("tsls.refused", "The license server refuses", expert.group.RESPONSE_CODE, expert.severity.WARN),
    denied = ProtoExpert.new("tsls.denied", "The device gets nothing", expert.group.RESPONSE_CODE, expert.severity.NOTE),
}
p.experts = x

local sizes = { u8 = 1, u16 = 2, u32 = 4, bool = 1 }
local read = {}

-- value reads one value of a kind and returns it for the plain words.
local function value(r, name, kind)
    if sizes[kind] then return (r:le(f[key(name, kind)], sizes[kind], name)) end
    if kind == "hwid" then
        local range = r:bytes(f[name], 20, name)
        return range and T.hex(T.raw(range))
    end
    if kind == "time" then
        local range = r:take(8, name)
        if not range then return nil end
        local seconds = range:le_uint64():tonumber()
        local text = seconds == 0 and "never" or os.date("!%Y-%m-%d %H:%M:%S UTC", seconds)
        r.tree:add(f[name], range, text)
        return text
    end
    return read[kind] and read[kind](r, name) or nil
end

-- prefixed reads a length of n bytes and that many bytes behind it.
local function prefixed(r, name, n)
    local head = r:take(n, name)
    if not head then return nil end
    return r:take(head:le_uint(), name), head:le_uint()
end

function read.text(r, name)
    local range, n = prefixed(r, name, 2)
    if range then
        local s = range:string(ENC_UTF_8)
        r.tree:add(f[name], range, s)
        return s
    end
    return n == 0 and "" or nil
end

function read.blob(r, name)
    local range = prefixed(r, name, 4)
    if not range then return nil end
    local item = r.tree:add(f[name], range)
    return name == "license" and T.token(range, item) or nil
end

local function all(r, spec, got)
    for name, many, kind in spec:gmatch("([%w_]+):(%*?)(%w+)") do
        if r.stopped then return end
        if many == "" then
            got[name] = value(r, name, kind)
        else
            local head = r:take(2, name)
            for _ = 1, head and head:le_uint() or 0 do
                value(r, name, kind)
                if r.stopped then return end
            end
        end
    end
end

for kind, spec in pairs(compounds) do
    read[kind] = function(r, name)
        local tree, start = r.tree, r.at
        r.tree = tree:add(f[name], r.range(start))
        all(r, spec, {})
        r.tree:set_len(r.at - start)
        r.tree = tree
        return nil
    end
end

local function words(kind, got)
    if kind == 0x03 then return string.format("%s for %s, which showed %s", requests[got.request] or "?", got.machine or "?", classes[got.presented] or "?") end
    if kind == 0x83 then return (answers[got.answer] or "?") .. (got.license and ": " .. got.license or "") end
    if kind == 0xff then return (codes[got.code] or "?") .. ": " .. (got.text or "") end
    return got.license_id or got.name or got.server_id or ""
end

local function message(range, pinfo, tree)
    local t = tree:add(p, range)
    local r = T.Reader.new(range, t, x.truncated)
    r:le(f.length, 4, "length")
    r:le(f.request_id, 4, "request id")
    local kind, item = r:le(f.type, 1, "type")
    local m = messages[kind]
    if not m then
        item:add_proto_expert_info(x.unknown)
        return
    end
    local got = {}
    all(r, m[2], got)
    if r:left() > 0 and not r.stopped then t:add_proto_expert_info(x.trailing, string.format("%d bytes behind the message", r:left())) end
    local text = m[1]
    local more = words(kind, got)
    if more ~= "" then text = text .. ": " .. more end
    if kind == 0xff then item:add_proto_expert_info(x.error, more) end
    if kind == 0x83 and (got.answer or 0) >= 9 then item:add_proto_expert_info(x.denied, more) end
    t:append_text(", " .. text)
    pinfo.cols.info:append((tostring(pinfo.cols.info) == "" and "" or "; ") .. text)
end

local shown -- the dissection whose Info column is ours

function p.dissector(tvb, pinfo, tree)
    pinfo.cols.protocol = "TSLS"
    if shown ~= T.dissections then pinfo.cols.info = "" end -- else another TLS record of this frame is in it
    shown = T.dissections
    local at = 0
    while at < tvb:len() do
        local left = tvb:len() - at
        local n = left >= 4 and tvb(at, 4):le_uint() or nil
        if n and (n == 0 or n > 1048576) then
            tree:add(p, tvb(at)):add_proto_expert_info(x.length)
            return tvb:len()
        end
        if not n or left < n + 8 then
            pinfo.desegment_offset = at
            pinfo.desegment_len = n and n + 8 - left or DESEGMENT_ONE_MORE_SEGMENT
            return tvb:len()
        end
        message(tvb(at, n + 8), pinfo, tree)
        at = at + n + 8
    end
    return tvb:len()
end

DissectorTable.get("tcp.port"):add(3343, Dissector.get("tls"))
DissectorTable.get("tls.port"):add(3343, p)
local alpn = DissectorTable.get("tls.alpn")
if alpn then alpn:add("tsls", p) end
