package ts

import (
	"bufio"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
)

// hashRounds makes guessing slow: about 20 ms a guess.
const hashRounds = 100_000

const (
	saltSize = 16
	hashSize = sha256.Size
)

// errLogon is the one answer to a wrong name and to a wrong password.
var errLogon = errors.New("unknown user name or wrong password")

// Users is who may log on. A users file has a line user:salt:hash for each, salt
// and hash (PBKDF2 with HMAC-SHA-256, 100,000 rounds) in hexadecimal digits; empty
// lines and lines that start with # say nothing. Names are compared as Windows
// does, without regard to case.
type Users struct {
	entries map[string]userEntry
	cache   logonCache
	hashing chan struct{} // holds one for each hash being made
}

type userEntry struct {
	name       string
	salt, hash []byte
}

// NewUsers is the single user of a server that has no users file.
func NewUsers(name, password string) (*Users, error) {
	line, err := UserLine(name, password)
	if err != nil {
		return nil, err
	}
	return ParseUsers(strings.NewReader(line), "users")
}

// UserLine is one line of a users file, with a fresh salt.
func UserLine(name, password string) (string, error) {
	if name == "" || strings.ContainsAny(name, ":#\r\n") {
		return "", fmt.Errorf("user name %q: it must not be empty nor hold a colon, a # or a line break", name)
	}
	salt := make([]byte, saltSize)
	rand.Read(salt)
	hash, err := hashPassword(password, salt)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s:%x:%x\n", name, salt, hash), nil
}

func hashPassword(password string, salt []byte) ([]byte, error) {
	hash, err := pbkdf2.Key(sha256.New, password, salt, hashRounds, hashSize)
	if err != nil {
		return nil, fmt.Errorf("hash of a password: %w", err)
	}
	return hash, nil
}

// LoadUsers reads a users file.
func LoadUsers(path string) (*Users, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("users file: %w", err)
	}
	defer f.Close()
	return ParseUsers(f, path)
}

// ParseUsers reads a users file; name is what errors call it.
func ParseUsers(r io.Reader, name string) (*Users, error) {
	// Half of the processors may make hashes: who guesses passwords keeps nobody else out.
	u := &Users{entries: map[string]userEntry{}, hashing: make(chan struct{}, max(runtime.GOMAXPROCS(0)/2, 1))}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		entry, err := parseUser(line)
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w; `termsrv user NAME` makes a line", name, n, err)
		}
		if _, ok := u.entries[strings.ToLower(entry.name)]; ok {
			return nil, fmt.Errorf("%s line %d: user %q stands there twice", name, n, entry.name)
		}
		u.entries[strings.ToLower(entry.name)] = entry
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	rand.Read(u.cache.key[:])
	return u, nil
}

func parseUser(line string) (userEntry, error) {
	parts := strings.Split(line, ":")
	if len(parts) != 3 || parts[0] == "" {
		return userEntry{}, errors.New("want user:salt:hash")
	}
	salt, err := hex.DecodeString(parts[1])
	if err != nil || len(salt) < saltSize/2 {
		return userEntry{}, fmt.Errorf("salt: want at least %d hexadecimal digits", saltSize)
	}
	hash, err := hex.DecodeString(parts[2])
	if err != nil || len(hash) != hashSize {
		return userEntry{}, fmt.Errorf("hash: want %d hexadecimal digits", 2*hashSize)
	}
	return userEntry{name: parts[0], salt: salt, hash: hash}, nil
}

// Has reports whether there is such a user.
func (u *Users) Has(name string) bool {
	_, ok := u.entries[strings.ToLower(name)]
	return ok
}

// Check returns the user's name as the file spells it. An unknown name takes as
// long as a wrong password.
func (u *Users) Check(name, password string) (string, error) {
	entry, known := u.entries[strings.ToLower(name)]
	if known && u.cache.holds(entry, password) {
		return entry.name, nil
	}
	u.hashing <- struct{}{}
	defer func() { <-u.hashing }()
	if known && u.cache.holds(entry, password) { // another has just made the same hash
		return entry.name, nil
	}
	if !known {
		entry = userEntry{salt: make([]byte, saltSize), hash: make([]byte, hashSize)}
	}
	hash, err := hashPassword(password, entry.salt)
	if err != nil {
		return "", err
	}
	if subtle.ConstantTimeCompare(hash, entry.hash) != 1 || !known {
		return "", errLogon
	}
	u.cache.add(entry, password)
	return entry.name, nil
}

// logonCache remembers, under a key that lives as long as the process, which
// passwords were right, so that a thousand logons of one user cost one slow hash.
type logonCache struct {
	key [32]byte

	mu    sync.Mutex
	right map[string][sha256.Size]byte
}

func (c *logonCache) digest(e userEntry, password string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, c.key[:])
	h.Write(e.salt)
	h.Write([]byte(password))
	h.Sum(sum[:0])
	return sum
}

func (c *logonCache) holds(e userEntry, password string) bool {
	want := c.digest(e, password)
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.right[e.name]
	return ok && subtle.ConstantTimeCompare(have[:], want[:]) == 1
}

func (c *logonCache) add(e userEntry, password string) {
	sum := c.digest(e, password)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.right == nil {
		c.right = map[string][sha256.Size]byte{}
	}
	c.right[e.name] = sum
}
