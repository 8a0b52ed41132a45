-- MS-RDPELE: the bodies of the eight licensing messages, opened with the keys that
-- stand in the file. Field names are those of the specification.

local p = Proto("rdpele", "RDP Licensing (MS-RDPELE)")
local types = {
    [0x01] = "LICENSE_REQUEST", [0x02] = "PLATFORM_CHALLENGE", [0x03] = "NEW_LICENSE", [0x04] = "UPGRADE_LICENSE",
    [0x12] = "LICENSE_INFO", [0x13] = "NEW_LICENSE_REQUEST", [0x15] = "PLATFORM_CHALLENGE_RESPONSE", [0xff] = "ERROR_ALERT",
}
local blobs = {
    [1] = "BB_DATA_BLOB", [2] = "BB_RANDOM_BLOB", [3] = "BB_CERTIFICATE_BLOB", [4] = "BB_ERROR_BLOB", [9] = "BB_ENCRYPTED_DATA_BLOB",
    [0x0d] = "BB_KEY_EXCHG_ALG_BLOB", [0x0e] = "BB_SCOPE_BLOB", [0x0f] = "BB_CLIENT_USER_NAME_BLOB", [0x10] = "BB_CLIENT_MACHINE_NAME_BLOB",
}
local codes = {
    [1] = "ERR_INVALID_SERVER_CERTIFICATE", [2] = "ERR_NO_LICENSE", [3] = "ERR_INVALID_MAC", [4] = "ERR_INVALID_SCOPE",
    [6] = "ERR_NO_LICENSE_SERVER", [7] = "STATUS_VALID_CLIENT", [8] = "ERR_INVALID_CLIENT",
    [0x0b] = "ERR_INVALID_PRODUCTID", [0x0c] = "ERR_INVALID_MESSAGE_LEN",
}
local transitions = { [1] = "ST_TOTAL_ABORT", [2] = "ST_NO_TRANSITION", [3] = "ST_RESET_PHASE_TO_START", [4] = "ST_RESEND_LAST_MESSAGE" }
local clients = { [0x0100] = "WIN32_PLATFORMCHALLENGE_TYPE", [0x0200] = "WIN16_PLATFORMCHALLENGE_TYPE",
    [0x0300] = "WINCE_PLATFORMCHALLENGE_TYPE", [0xff00] = "OTHER_PLATFORMCHALLENGE_TYPE" }
local details = { [1] = "LICENSE_DETAIL_SIMPLE", [2] = "LICENSE_DETAIL_MODERATE", [3] = "LICENSE_DETAIL_DETAIL" }

local function field(kind, name, ...) return ProtoField[kind]("rdpele." .. name, name, ...) end
local f = {
    bMsgType = field("uint8", "bMsgType", base.HEX, types), flags = field("uint8", "flags", base.HEX),
    version = ProtoField.uint8("rdpele.flags.version", "Version", base.DEC, { [2] = "RDP 4.0", [3] = "RDP 5.0 and later" }, 0x0f),
    extended = ProtoField.bool("rdpele.flags.EXTENDED_ERROR_MSG_SUPPORTED", "EXTENDED_ERROR_MSG_SUPPORTED", 8, nil, 0x80),
    wMsgSize = field("uint16", "wMsgSize"),
    wBlobType = field("uint16", "wBlobType", base.HEX, blobs), wBlobLen = field("uint16", "wBlobLen"), blobData = field("bytes", "blobData"),
    ServerRandom = field("bytes", "ServerRandom"), dwVersion = field("uint32", "dwVersion", base.HEX),
    cbCompanyName = field("uint32", "cbCompanyName"), pbCompanyName = field("string", "pbCompanyName"),
    cbProductId = field("uint32", "cbProductId"), pbProductId = field("string", "pbProductId"),
    KeyExchangeAlg = field("uint32", "KeyExchangeAlg", base.DEC, { [1] = "KEY_EXCHANGE_ALG_RSA" }),
    ScopeCount = field("uint32", "ScopeCount"), Scope = field("string", "Scope"),
    PreferredKeyExchangeAlg = field("uint32", "PreferredKeyExchangeAlg", base.DEC, { [1] = "KEY_EXCHANGE_ALG_RSA" }),
    PlatformId = field("uint32", "PlatformId", base.HEX), ClientRandom = field("bytes", "ClientRandom"),
    ClientUserName = field("string", "ClientUserName"), ClientMachineName = field("string", "ClientMachineName"),
    MACData = field("bytes", "MACData"), ConnectFlags = field("uint32", "ConnectFlags", base.HEX),
    pbChallenge = field("bytes", "pbChallenge"), HWID = field("bytes", "HWID"),
    wVersion = field("uint16", "wVersion", base.HEX), wClientType = field("uint16", "wClientType", base.HEX, clients),
    wLicenseDetailLevel = field("uint16", "wLicenseDetailLevel", base.DEC, details), cbChallenge = field("uint16", "cbChallenge"),
    cbScope = field("uint32", "cbScope"), pbScope = field("string", "pbScope"),
    cbLicenseInfo = field("uint32", "cbLicenseInfo"), pbLicenseInfo = field("bytes", "pbLicenseInfo"),
    dwErrorCode = field("uint32", "dwErrorCode", base.HEX, codes), dwStateTransition = field("uint32", "dwStateTransition", base.DEC, transitions),
    text = ProtoField.string("rdpele.text", "In plain words"),
}
for _, name in ipairs({ "KeyExchangeList", "ServerCertificate", "ScopeBlob", "EncryptedPreMasterSecret", "UserNameBlob", "MachineNameBlob",
    "LicenseInfo", "EncryptedHWID", "EncryptedPlatformChallenge", "EncryptedPlatformChallengeResponse", "EncryptedLicenseInfo", "bbErrorInfo" }) do
    f[name] = ProtoField.bytes("rdpele." .. name, name)
end
p.fields = f

local function problem(name, text, group, severity) return ProtoExpert.new("rdpele." .. name, text, group, severity) end
local x = {
    truncated = problem("truncated", "The message ends too early", expert.group.MALFORMED, expert.severity.ERROR),
    trailing = problem("trailing", "Bytes behind the message", expert.group.MALFORMED, expert.severity.WARN),
    size = problem("wMsgSize.wrong", "wMsgSize is not the message's size", expert.group.PROTOCOL, expert.severity.WARN),
    blob = problem("wBlobType.unexpected", "wBlobType is not the one of the specification (real peers do that)", expert.group.PROTOCOL, expert.severity.CHAT),
    unknown = problem("bMsgType.unknown", "No such message", expert.group.PROTOCOL, expert.severity.ERROR),
    mac = problem("MACData.wrong", "MACData does not match", expert.group.CHECKSUM, expert.severity.ERROR),
    order = problem("order", "The message is out of order", expert.group.SEQUENCE, expert.severity.WARN),
    direction = problem("direction", "The message is one of the other side's", expert.group.SEQUENCE, expert.severity.ERROR),
    nokey = problem("sealed", "Sealed; its key is not in the file", expert.group.DECRYPTION, expert.severity.NOTE),
    abort = problem("abort", "Licensing is refused", expert.group.RESPONSE_CODE, expert.severity.ERROR),
    hwid = problem("HWID.changed", "The hardware id is not the one shown before", expert.group.SECURITY, expert.severity.WARN),
    answer = problem("challenge.wrong", "The response does not end with the challenge", expert.group.SECURITY, expert.severity.ERROR),
}
p.experts = x

-- blob adds a LICENSE_BINARY_BLOB and returns the range of its data and its tree.
local function blob(r, name, expected)
    local start = r.at
    local size = r:left() >= 4 and math.min(r:left(), 4 + r.range(start + 2, 2):le_uint()) or r:left()
    if size == 0 then
        r:take(4, name)
        return nil
    end
    local tree = r.tree:add(f[name], r.range(start, size))
    local sub = setmetatable({ range = r.range, tree = tree, at = start, truncated = r.truncated }, T.Reader)
    local kind, item = sub:le(f.wBlobType, 2, "wBlobType")
    local n = sub:le(f.wBlobLen, 2, "wBlobLen")
    if kind and n and n > 0 and kind ~= expected then item:add_proto_expert_info(x.blob) end
    local data = n and n > 0 and sub:bytes(f.blobData, n, name) or nil
    r.at, r.stopped = sub.at, r.stopped or sub.stopped
    return data, tree
end

-- open decrypts a blob's data with the licensing key; each begins the key stream anew.
local function open(c, r, data)
    if not data then return nil end
    if not c.keys then
        r.tree:add_proto_expert_info(x.nokey)
        return nil
    end
    return T.rc4(c.keys.key, T.raw(data))
end

local function mac(c, r, plain)
    local sum, item = r:bytes(f.MACData, 16, "MACData")
    if sum and plain and T.mac(c.keys.salt, plain) ~= T.raw(sum) then
        item:add_proto_expert_info(x.mac)
        return false
    end
    return true
end

local function hwid(c, tree, plain)
    if not plain or #plain == 0 then return "unknown" end
    local range = T.tvb(plain, "Hardware id")()
    local item = tree:add(f.HWID, range)
    local id = T.hex(plain)
    if c.state.hwid and c.state.hwid ~= id then item:add_proto_expert_info(x.hwid) end
    c.state.hwid = c.state.hwid or id
    return id
end

local function utf16(r, count, value, name)
    local n = r:le(f[count], 4, count)
    return n and r:text(f[value], n, name, ENC_UTF_16 + ENC_LITTLE_ENDIAN) or ""
end

local bodies = {}

bodies[0x01] = function(c, r)
    local random = r:bytes(f.ServerRandom, 32, "ServerRandom")
    if random then c.state.random = T.hex(T.raw(random)) end
    local version = r:le(f.dwVersion, 4, "dwVersion")
    local company = utf16(r, "cbCompanyName", "pbCompanyName", "pbCompanyName")
    local product = utf16(r, "cbProductId", "pbProductId", "pbProductId")
    local list, tree = blob(r, "KeyExchangeList", 0x0d)
    if list then
        for at = 0, list:len() - 4, 4 do tree:add_le(f.KeyExchangeAlg, list(at, 4)) end
    end
    blob(r, "ServerCertificate", 3)
    local scopes = {}
    for i = 1, r:le(f.ScopeCount, 4, "ScopeCount") or 0 do
        local data, scope = blob(r, "ScopeBlob", 0x0e)
        if r.stopped then break end
        if data then
            scopes[i] = data:stringz()
            scope:add(f.Scope, data, scopes[i])
        end
    end
    return string.format("%s %d.%d of %s, scope %s", product, math.floor((version or 0) / 65536), (version or 0) % 65536, company, table.concat(scopes, ", "))
end

local function client_keys(r)
    r:le(f.PreferredKeyExchangeAlg, 4, "PreferredKeyExchangeAlg")
    r:le(f.PlatformId, 4, "PlatformId")
    r:bytes(f.ClientRandom, 32, "ClientRandom")
    blob(r, "EncryptedPreMasterSecret", 2)
end

bodies[0x13] = function(_, r)
    client_keys(r)
    local user, user_tree = blob(r, "UserNameBlob", 0x0f)
    if user then user_tree:add(f.ClientUserName, user, user:stringz()) end
    local machine, machine_tree = blob(r, "MachineNameBlob", 0x10)
    if machine then machine_tree:add(f.ClientMachineName, machine, machine:stringz()) end
    return string.format("%s has no license", machine and machine:stringz() or "a device without a name")
end

bodies[0x12] = function(c, r)
    client_keys(r)
    local license, tree = blob(r, "LicenseInfo", 1)
    local text = license and T.token(license, tree) or "an empty license"
    local data, sealed = blob(r, "EncryptedHWID", 9)
    local plain = open(c, r, data)
    local id = hwid(c, sealed or r.tree, plain)
    mac(c, r, plain)
    return string.format("%s; hwid %s", text, id)
end

bodies[0x02] = function(c, r)
    r:le(f.ConnectFlags, 4, "ConnectFlags")
    local data, tree = blob(r, "EncryptedPlatformChallenge", 9)
    local plain = open(c, r, data)
    if plain then
        tree:add(f.pbChallenge, T.tvb(plain, "Platform challenge")())
        c.state.challenge = plain
    end
    mac(c, r, plain)
    return plain and string.format("challenge of %d bytes", #plain) or "sealed"
end

-- response shows PLATFORM_CHALLENGE_RESPONSE_DATA in its three real forms.
local function response(c, tree, plain)
    local challenge = c.state.challenge
    if challenge and plain:sub(-#challenge) ~= challenge then tree:add_proto_expert_info(x.answer) end
    local range = T.tvb(plain, "Platform challenge response")()
    local skip = plain:sub(1, 8) == ("\0"):rep(8) and 8 or 0 -- IronRDP
    if #plain < skip + 8 or range(skip + 6, 2):le_uint() ~= #plain - skip - 8 then
        tree:add(f.pbChallenge, range):append_text(" (the challenge alone, as rdesktop answers)")
        return
    end
    local r = T.Reader.new(range(skip), tree, x.truncated)
    r:le(f.wVersion, 2, "wVersion")
    r:le(f.wClientType, 2, "wClientType")
    r:le(f.wLicenseDetailLevel, 2, "wLicenseDetailLevel")
    local n = r:le(f.cbChallenge, 2, "cbChallenge")
    if n then r:bytes(f.pbChallenge, n, "pbChallenge") end
end

bodies[0x15] = function(c, r)
    local data, tree = blob(r, "EncryptedPlatformChallengeResponse", 9)
    local plain = open(c, r, data)
    if plain then response(c, tree, plain) end
    local sealed, hwid_tree = blob(r, "EncryptedHWID", 9)
    local id = open(c, r, sealed)
    local text = hwid(c, hwid_tree or r.tree, id)
    mac(c, r, plain and id and plain .. id)
    return "hwid " .. text
end

local function license(c, r)
    local data, tree = blob(r, "EncryptedLicenseInfo", 9)
    local plain = open(c, r, data)
    local text = "sealed"
    if plain then
        local s = T.Reader.new(T.tvb(plain, "NEW_LICENSE_INFO")(), tree, x.truncated)
        s:le(f.dwVersion, 4, "dwVersion")
        local n = s:le(f.cbScope, 4, "cbScope")
        if n then s:text(f.pbScope, n, "pbScope", ENC_ASCII) end
        utf16(s, "cbCompanyName", "pbCompanyName", "pbCompanyName")
        utf16(s, "cbProductId", "pbProductId", "pbProductId")
        n = s:le(f.cbLicenseInfo, 4, "cbLicenseInfo")
        local blob_range, item = nil, nil
        if n then blob_range, item = s:bytes(f.pbLicenseInfo, n, "pbLicenseInfo") end
        text = blob_range and T.token(blob_range, item) or "no license"
    end
    mac(c, r, plain)
    return text
end
bodies[0x03], bodies[0x04] = license, license

bodies[0xff] = function(c, r)
    local code = r:le(f.dwErrorCode, 4, "dwErrorCode")
    local transition, item = r:le(f.dwStateTransition, 4, "dwStateTransition")
    blob(r, "bbErrorInfo", 4)
    local text = string.format("%s, %s", codes[code or 0] or "unknown code", transitions[transition or 0] or "unknown transition")
    if code ~= 7 and item then item:add_proto_expert_info(x.abort, text) end
    c.transition = transition
    return text
end

-- The legal order, MS-RDPELE 1.3.3: what may come behind what.
local follows = {
    [0] = { [0x01] = true, [0xff] = true },
    [0x01] = { [0x12] = true, [0x13] = true, [0xff] = true },
    [0x12] = { [0x02] = true, [0xff] = true, [0x03] = true, [0x04] = true },
    [0x13] = { [0x02] = true, [0xff] = true },
    [0x02] = { [0x15] = true, [0xff] = true },
    [0x15] = { [0x03] = true, [0x04] = true, [0xff] = true },
    reset = { [0x01] = true, [0x12] = true, [0x13] = true, [0xff] = true },
}

local function copy(t)
    local c = {}
    for k, v in pairs(t) do c[k] = v end
    return c
end

-- state_before is what a message must know of those before it, as it was when the file
-- was read first.
local function state_before(stream, id, visited)
    if not visited then
        stream.states[id] = copy(stream.state)
        return stream.state
    end
    return copy(stream.states[id] or {})
end

local function head(r, t)
    local kind, item = r:le(f.bMsgType, 1, "bMsgType")
    if r:left() > 0 then
        local flags = r.range(1, 1)
        local ft = t:add(f.flags, flags)
        ft:add(f.version, flags)
        ft:add(f.extended, flags)
        r.at = 2
    end
    local whole, size, size_item = r.range:len(), r:le(f.wMsgSize, 2, "wMsgSize")
    if size and size ~= whole then
        size_item:add_proto_expert_info(x.size, string.format("wMsgSize is %d and the message has %d bytes", size, whole))
    end
    return kind, item
end

-- T.rdpele shows a licensing message. It returns its type, and whether licensing is over
-- with it. id is the message's place, the same one whenever it is shown again.
function T.rdpele(range, pinfo, tree, stream, id, from_client)
    local t = tree:add(p, range)
    local r = T.Reader.new(range, t, x.truncated)
    local kind, item = head(r, t)
    if not bodies[kind] then
        item:add_proto_expert_info(x.unknown)
        return kind, false
    end
    if (kind == 0x12 or kind == 0x13 or kind == 0x15) ~= from_client and kind ~= 0xff then item:add_proto_expert_info(x.direction) end
    local state = state_before(stream, id, pinfo.visited)
    local last = state.last or 0
    local allowed = follows[last]
    if last ~= "hidden" and not (allowed and allowed[kind]) then
        item:add_proto_expert_info(x.order, string.format("%s behind %s", types[kind], types[last] or "the beginning"))
    end
    local c = { state = state, keys = kind ~= 0x01 and state.random and T.keys[state.random] or nil }
    local text = bodies[kind](c, r)
    if r:left() > 0 and not r.stopped then t:add_proto_expert_info(x.trailing, string.format("%d bytes behind the message", r:left())) end
    t:append_text(string.format(", %s: %s", types[kind], text))
    t:add(f.text, text):set_generated()
    pinfo.cols.info:append(": " .. text)
    local again = c.transition == 3 or c.transition == 4
    if c.transition ~= 4 then state.last = c.transition == 3 and "reset" or kind end
    return kind, kind == 3 or kind == 4 or kind == 0xff and not again
end
