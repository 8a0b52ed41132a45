-- RDP on port 3389 with no option: TLS or not is seen from the bytes. The stock
-- dissectors do their work, helped where they misread; licensing is shown besides.

local tcp = Proto("tslab_rdp", "RDP, or TLS with RDP in it")
local inside = Proto("tslab_rdp_tls", "RDP inside TLS")
local repaired = ProtoField.string("tslab_rdp.repaired", "Repaired for the stock dissector")
local sealed = ProtoField.bytes("tslab_rdp.fastpath.encrypted", "Encrypted fast-path packet")
local hidden = ProtoField.bytes("tslab_rdp.licensing.encrypted", "Encrypted licensing message")
tcp.fields = { repaired, sealed, hidden }
local stock = Dissector.get("tpkt")
local tls = Dissector.get("tls")
local port = 3389

-- connections by their ports: what each connection has in common. Wireshark reads a
-- file first without a tree, where tcp.stream has no value, and later shows frames in
-- any order: what one frame must know of those before it is kept in the first reading.
local connections = {}
function tcp.init() connections = {} end

local function between(c, pinfo)
    return c.a == pinfo.src and c.b == pinfo.dst or c.a == pinfo.dst and c.b == pinfo.src
end

-- connection_of is the connection of a frame. One that begins here is another one,
-- though ports and addresses may have been used before.
local function connection_of(pinfo, begins)
    local low, high = math.min(pinfo.src_port, pinfo.dst_port), math.max(pinfo.src_port, pinfo.dst_port)
    local list = connections[low * 65536 + high] or {}
    connections[low * 65536 + high] = list
    local found
    for _, c in ipairs(list) do
        if between(c, pinfo) and c.since <= pinfo.number then found = c end
    end
    if not found or begins and not pinfo.visited and found.since < pinfo.number then
        found = { a = pinfo.src, b = pinfo.dst, since = found and pinfo.number or 0, state = {}, states = {} }
        list[#list + 1] = found
    end
    return found
end

-- place is where the next packet of the connection stands in the file, the same
-- whenever its frame is looked at.
local function place(stream, pinfo)
    if stream.dissection ~= T.dissections then stream.dissection, stream.packets = T.dissections, 0 end
    stream.packets = stream.packets + 1
    return pinfo.number * 65536 + stream.packets
end

-- pdu_length is the length of the packet at a position, 0 when more bytes are needed
-- to tell, nil when it is none: TPKT (T.123 8) or fast path (MS-RDPBCGR 2.2.8.1.2).
local function pdu_length(tvb, at)
    local left = tvb:len() - at
    local first = tvb(at, 1):uint()
    if first == 3 then return left < 4 and 0 or math.max(tvb(at + 2, 2):uint(), 4) end
    if T.band(first, 3) ~= 0 then return nil end
    if left < 2 then return 0 end
    local n = tvb(at + 1, 1):uint()
    if n < 0x80 then return math.max(n, 2) end
    return left < 3 and 0 or math.max(T.band(n, 0x7f) * 256 + tvb(at + 2, 1):uint(), 3)
end

-- per reads a PER length and returns it and where its end is.
local function per(tvb, at)
    local n = tvb(at, 1):uint()
    if n < 0x80 then return n, at + 1 end
    return T.band(n, 0x7f) * 256 + tvb(at + 1, 1):uint(), at + 2
end

-- connect finds the encryption method in SC_SECURITY, MS-RDPBCGR 2.2.1.4.3.
local function connect(tvb, stream)
    local s = T.raw(tvb())
    local at = s:find("McDn", 1, true)
    if not at then return end
    local _, from = per(tvb, at + 3)
    while from + 8 <= #s do
        local kind, size = tvb(from, 2):le_uint(), tvb(from + 2, 2):le_uint()
        if kind == 0x0c02 then stream.method = tvb(from + 4, 4):le_uint() end
        if kind == 0x0c03 then stream.io = tvb(from + 4, 2):le_uint() end
        if size < 4 then return end
        from = from + size
    end
end

-- header finds what an MCS Send Data carries on the I/O channel.
local function header(tvb, stream)
    if tvb:len() < 16 or tvb(5, 1):uint() ~= 0xf0 then return nil end
    local choice = T.shift(tvb(7, 1):uint(), 2)
    if choice ~= 25 and choice ~= 26 or tvb(10, 2):uint() ~= (stream.io or 1003) then return nil end
    local n, at = per(tvb, 13)
    if n < 4 or at + n > tvb:len() then return nil end
    return { at = at, size = n, flags = tvb(at, 2):le_uint(), from_client = choice == 25 }
end

-- again makes a packet with other content behind its security header.
local function again(tvb, h, content, name)
    local whole = T.raw(tvb())
    local n = #content
    local mcs = whole:sub(8, 13) .. string.char(0x80 + math.floor(n / 256), n % 256)
    local total = 7 + #mcs + n
    return T.tvb(string.char(3, 0, math.floor(total / 256), total % 256) .. whole:sub(5, 7) .. mcs .. content, name)
end

-- For what misreads the stock dissector is given another packet: with encryption
-- agreed it skips a signature also where there is none, and it reads on behind a
-- Client Info that ends early.
local function helped(tvb, h, stream)
    local content = T.raw(tvb(h.at, h.size))
    if T.band(h.flags, 0x80) ~= 0 and stream.method ~= 0 and T.band(h.flags, 8) == 0 then
        return again(tvb, h, content:sub(1, 4) .. ("\0"):rep(8) .. content:sub(5), "With a signature"), "licensing without a signature"
    end
    if T.band(h.flags, 0x40) ~= 0 and stream.method == 0 then
        return again(tvb, h, content .. ("\0"):rep(64), "With a long Client Info"), "Client Info with its optional end"
    end
    return nil
end

-- licensed tells the stock dissector, which believes only STATUS_VALID_CLIENT, that
-- licensing is over: else it takes the packets that follow for licensing ones.
local function licensed(tvb, h, pinfo, tree)
    local alert = string.char(0x80, 0, 0, 0, 0xff, 3, 0x10, 0, 7, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0)
    local item = tree:add(repaired, tvb(), "licensing is over, which it learns from an ERROR_ALERT that was not on the wire"):set_generated()
    item:set_hidden()
    local info = tostring(pinfo.cols.info)
    stock:call(again(tvb, h, alert, "STATUS_VALID_CLIENT, not on the wire"), pinfo, item)
    if info ~= "(none)" and info ~= "" then pinfo.cols.info:set(info) end
end

local function pdu(tvb, pinfo, tree, stream)
    local id = place(stream, pinfo)
    if tvb(0, 1):uint() ~= 3 and T.band(tvb(0, 1):uint(), 0x80) ~= 0 then -- the stock dissector reads on in the ciphertext
        tree:add(sealed, tvb())
        pinfo.cols.protocol = "RDP"
        pinfo.cols.info:set("Fast-Path PDU [Encrypted]")
        return
    end
    if tvb:len() > 9 and tvb(0, 1):uint() == 3 and tvb(5, 1):uint() == 0xf0 and tvb(7, 2):uint() == 0x7f66 then connect(tvb, stream) end
    local h = stream.method and tvb(0, 1):uint() == 3 and header(tvb, stream)
    -- Without encryption nothing has a header once licensing is over.
    local over = stream.over and stream.method == 0 and stream.over < id
    if not h or over then
        stock:call(tvb, pinfo, tree)
        return
    end
    if T.band(h.flags, 0x88) == 0x88 and stream.method ~= 0 then -- the stock dissector would lose its state over it
        tree:add(hidden, tvb(h.at, h.size))
        pinfo.cols.protocol = "RDP"
        pinfo.cols.info:set("Licensing [Encrypted]; its twin is on the interface (clear)")
        if not pinfo.visited then stream.state.last = "hidden" end
        return
    end
    local other, why = helped(tvb, h, stream)
    if other then
        stock:call(other, pinfo, tree)
        tree:add(repaired, tvb(), why):set_generated()
    else
        stock:call(tvb, pinfo, tree)
    end
    if T.band(h.flags, 8) ~= 0 and tostring(pinfo.cols.info) == "" then pinfo.cols.info:set("[Encrypted]; its twin is on the interface (clear)") end
    local skip = T.band(h.flags, 8) ~= 0 and 12 or 4
    if T.band(h.flags, 0x80) == 0 or skip == 12 or h.size < skip + 4 then return end
    local kind, over_now = T.rdpele(tvb(h.at + skip, h.size - skip), pinfo, tree, stream, id, h.from_client)
    if over_now and not pinfo.visited then
        stream.over = id
        if kind ~= 0xff and stream.method == 0 then licensed(tvb, h, pinfo, tree) end
    end
end

-- packets cuts a stream into packets and asks for more where one is not whole.
local function packets(tvb, pinfo, tree)
    local at, stream = 0, connection_of(pinfo)
    while at < tvb:len() do
        local n = pdu_length(tvb, at)
        if not n then
            Dissector.get("data"):call(tvb(at):tvb(), pinfo, tree)
            return tvb:len()
        end
        local left = tvb:len() - at
        if n == 0 or n > left then
            pinfo.desegment_offset = at
            pinfo.desegment_len = n == 0 and DESEGMENT_ONE_MORE_SEGMENT or n - left
            return tvb:len()
        end
        pdu(tvb(at, n):tvb(), pinfo, tree, stream)
        at = at + n
    end
    return tvb:len()
end

function inside.dissector(tvb, pinfo, tree) return packets(tvb, pinfo, tree) end

function tcp.dissector(tvb, pinfo, tree)
    local request = tvb:len() > 5 and tvb(0, 1):uint() == 3 and tvb(5, 1):uint() == 0xe0 -- X.224 Connection Request
    local stream = connection_of(pinfo, request)
    if not stream.tls and tvb:len() >= 2 and tvb(0, 2):uint() == 0x1603 then stream.tls = pinfo.number end
    if stream.tls and pinfo.number >= stream.tls then
        -- Each dissector called from another takes one off; TLS, too, must be able to
        -- ask for more.
        pinfo.can_desegment = 2
        return tls:call(tvb, pinfo, tree)
    end
    return packets(tvb, pinfo, tree)
end

DissectorTable.get("tcp.port"):add(port, tcp)
DissectorTable.get("tls.port"):add(port, inside)
