-- RC4, MD5, SHA-1 and the MAC of MS-RDPELE 5.1: to read what licensing hides, with
-- the key that stands in the file.

local ops = bit32 or bit
local band, bor, bxor, bnot = ops.band, ops.bor, ops.bxor, ops.bnot
local rol = ops.lrotate or ops.rol
local shift = ops.rshift
local word = 4294967296

function T.rc4(key, data)
    local s, j = {}, 0
    for i = 0, 255 do s[i] = i end
    for i = 0, 255 do
        j = (j + s[i] + key:byte(i % #key + 1)) % 256
        s[i], s[j] = s[j], s[i]
    end
    local out, i = {}, 0
    j = 0
    for n = 1, #data do
        i = (i + 1) % 256
        j = (j + s[i]) % 256
        s[i], s[j] = s[j], s[i]
        out[n] = string.char(bxor(data:byte(n), s[(s[i] + s[j]) % 256]))
    end
    return table.concat(out)
end

local function le32(n)
    return string.char(n % 256, math.floor(n / 256) % 256, math.floor(n / 65536) % 256, math.floor(n / 16777216) % 256)
end

local function be32(n) return le32(n):reverse() end

-- pad is the padding of both hashes; length writes the number of bits.
local function pad(data, length)
    return data .. "\128" .. ("\0"):rep((55 - #data) % 64) .. length(#data * 8)
end

local md5_shifts = { { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 } }

local function md5_step(i, b, c, d)
    if i < 16 then return bor(band(b, c), band(bnot(b), d)), i end
    if i < 32 then return bor(band(d, b), band(bnot(d), c)), (5 * i + 1) % 16 end
    if i < 48 then return bxor(b, c, d), (3 * i + 5) % 16 end
    return bxor(c, bor(b, bnot(d))), (7 * i) % 16
end

function T.md5(data)
    local h = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 }
    data = pad(data, function(n) return le32(n % word) .. le32(0) end)
    for block = 1, #data, 64 do
        local w = {}
        for i = 0, 15 do
            local a, b, c, d = data:byte(block + 4 * i, block + 4 * i + 3)
            w[i] = a + 256 * b + 65536 * c + 16777216 * d
        end
        local a, b, c, d = h[1], h[2], h[3], h[4]
        for i = 0, 63 do
            local f, g = md5_step(i, b, c, d)
            local k = math.floor(math.abs(math.sin(i + 1)) * word)
            local sum = (f + a + k + w[g]) % word
            a, d, c, b = d, c, b, (b + rol(sum, md5_shifts[math.floor(i / 16) + 1][i % 4 + 1])) % word
        end
        h = { (h[1] + a) % word, (h[2] + b) % word, (h[3] + c) % word, (h[4] + d) % word }
    end
    return le32(h[1]) .. le32(h[2]) .. le32(h[3]) .. le32(h[4])
end

local function sha1_step(i, b, c, d)
    if i < 20 then return bor(band(b, c), band(bnot(b), d)), 0x5a827999 end
    if i < 40 then return bxor(b, c, d), 0x6ed9eba1 end
    if i < 60 then return bor(band(b, c), band(b, d), band(c, d)), 0x8f1bbcdc end
    return bxor(b, c, d), 0xca62c1d6
end

function T.sha1(data)
    local h = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 }
    data = pad(data, function(n) return be32(0) .. be32(n % word) end)
    for block = 1, #data, 64 do
        local w = {}
        for i = 0, 15 do
            local a, b, c, d = data:byte(block + 4 * i, block + 4 * i + 3)
            w[i] = d + 256 * c + 65536 * b + 16777216 * a
        end
        for i = 16, 79 do w[i] = rol(bxor(w[i - 3], w[i - 8], w[i - 14], w[i - 16]), 1) end
        local a, b, c, d, e = h[1], h[2], h[3], h[4], h[5]
        for i = 0, 79 do
            local f, k = sha1_step(i, b, c, d)
            local sum = (rol(a, 5) + f + e + k + w[i]) % word
            e, d, c, b, a = d, c, rol(b, 30), a, sum
        end
        h = { (h[1] + a) % word, (h[2] + b) % word, (h[3] + c) % word, (h[4] + d) % word, (h[5] + e) % word }
    end
    return be32(h[1]) .. be32(h[2]) .. be32(h[3]) .. be32(h[4]) .. be32(h[5])
end

-- mac is MS-RDPELE 5.1.6.
function T.mac(salt, data)
    local inner = T.sha1(salt .. ("\54"):rep(40) .. le32(#data) .. data)
    return T.md5(salt .. ("\92"):rep(48) .. inner)
end

T.band, T.shift = band, shift
