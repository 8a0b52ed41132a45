-- What all parts use: a reader that checks lengths, and keys that stand in the file.

set_plugin_info({ version = "1", author = "TSLab", repository = "https://github.com/tslab/tslab",
    description = "Terminal Services Licensing: MS-RDPELE, TLS and plain RDP on 3389, the lab's license server protocol" })

-- Reader walks a tvb range; every read is an item in the tree. What is missing is told
-- once, and reading ends there.
local Reader = {}
Reader.__index = Reader
T.Reader = Reader

function Reader.new(range, tree, truncated)
    return setmetatable({ range = range, tree = tree, at = 0, truncated = truncated }, Reader)
end

function Reader:left() return self.range:len() - self.at end

-- take returns the next n bytes, or nil behind the end.
function Reader:take(n, name)
    if self.stopped then return nil end
    if n > self:left() then
        self.stopped = true
        self.tree:add_proto_expert_info(self.truncated, string.format("%s: %d bytes missing", name, n - self:left()))
        return nil
    end
    if n == 0 then return nil end
    local r = self.range(self.at, n)
    self.at = self.at + n
    return r
end

-- le adds an integer of n bytes, little-endian, and returns its value and item.
function Reader:le(field, n, name)
    local r = self:take(n, name)
    if not r then return nil end
    return r:le_uint(), self.tree:add_le(field, r), r
end

-- bytes adds n bytes and returns their range and item.
function Reader:bytes(field, n, name)
    local r = self:take(n, name)
    if not r then return nil end
    return r, self.tree:add(field, r)
end

-- text adds text of n bytes in an encoding, without its NUL.
function Reader:text(field, n, name, encoding)
    local r = self:take(n, name)
    if not r then return nil end
    local s = r:string(encoding):gsub("\0.*", "")
    return s, self.tree:add(field, r, s)
end

-- raw is the bytes of a range as a string.
function T.raw(range) return range:bytes():raw() end

function T.hex(s)
    return (s:gsub(".", function(c) return string.format("%02x", c:byte()) end))
end

function T.unhex(s)
    return (s:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end))
end

-- tvb makes bytes that are not on the wire readable: decrypted or repaired ones.
function T.tvb(s, name)
    return ByteArray.new(T.hex(s)):tvb(name)
end

-- keys are the licensing keys by server random, from the rows of the file. They are
-- read from the bytes of a row: Wireshark reads a file first without a tree, where no
-- field has a value.
T.keys = {}

-- dissections counts frames that were dissected, a frame that is looked at again too.
T.dissections = 0

local rows = Proto("tslab_keys", "TSLab licensing keys")
function rows.dissector(tvb)
    T.dissections = T.dissections + 1
    if tvb:len() < 2 or tvb(0, 2):uint() ~= 0x5f5f then return end -- each row begins with __REALTIME_TIMESTAMP
    local random, key, salt = T.raw(tvb()):match("\nMESSAGE=licensing keys of server random (%x+): key (%x+), MAC salt (%x+)\n")
    if random then T.keys[random] = { key = T.unhex(key), salt = T.unhex(salt) } end
end
function rows.init() T.keys = {} end
register_postdissector(rows)
