package dc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/wire/enroll"
)

// DirectoryName is the file of the state folder that the directory lies in.
const DirectoryName = "directory.json"

// Limits of a directory.
const (
	maxRecords   = 20_000
	maxSet       = 64 // records of one name and type
	maxSubnets   = 1000
	maxMembers   = 20_000
	maxGroups    = 16 // that an administrator puts one host in
	defaultTTL   = 60 // seconds
	maxTTL       = 86400
	maxFaultList = 1000 // names that are stale or hidden
)

// Entry is a site's entry for its enterprise license server.
type Entry struct {
	Site    string    `json:"site"`
	Domain  string    `json:"domain"`
	Server  string    `json:"server"`
	Address string    `json:"address"`
	Issued  time.Time `json:"issued"` // by the license server; the later one counts
}

// Host is a member as the directory keeps it.
type Host struct {
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	Key     string    `json:"key"`     // fingerprint
	Address string    `json:"address"` // that it joined from
	Joined  time.Time `json:"joined"`  // last, machine's time
}

// data is what is stored. Readers see one that never changes.
type data struct {
	Serial  uint32              `json:"serial"`
	Records []string            `json:"records"` // in presentation format
	Stale   []string            `json:"stale"`
	Hidden  []string            `json:"hidden"`
	Subnets []Subnet            `json:"subnets"`
	Entries map[string]Entry    `json:"entries"` // by site in lower case
	Hosts   map[string]Host     `json:"hosts"`   // by name and role
	Groups  map[string][]string `json:"groups"`  // of a host, given by an administrator

	names map[string]map[uint16][]dns.RR // by canonical name and type
}

// directory is the stored data, and its file.
type directory struct {
	path string

	mu      sync.Mutex // held while it changes
	current *data
	reading sync.RWMutex
}

func openDirectory(dir string) (*directory, error) {
	d := &directory{path: filepath.Join(dir, DirectoryName), current: &data{}}
	text, err := os.ReadFile(d.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("directory: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(text, d.current); err != nil {
			return nil, fmt.Errorf("directory: %s: %w: mend it, or delete it and join all hosts again", d.path, err)
		}
	}
	d.current.names = map[string]map[uint16][]dns.RR{}
	for _, line := range d.current.Records {
		rr, err := dns.NewRR(line)
		if err == nil && rr == nil {
			err = errors.New("empty record")
		}
		if err != nil {
			return nil, fmt.Errorf("directory: %s: %q: %w: mend it", d.path, line, err)
		}
		d.current.index(rr)
	}
	return d, nil
}

// view is the data as it is now.
func (d *directory) view() *data {
	d.reading.RLock()
	defer d.reading.RUnlock()
	return d.current
}

// change makes a copy, has f change it, and takes it into use once it is on the disk.
func (d *directory) change(f func(*data) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.view().clone()
	if err := f(next); err != nil {
		return err
	}
	next.Serial++
	next.Records = next.lines()
	text, err := json.MarshalIndent(next, "", " ")
	if err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	if err := durable.WriteFile(d.path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	d.reading.Lock()
	defer d.reading.Unlock()
	d.current = next
	return nil
}

func (d *data) clone() *data {
	next := *d
	next.Stale, next.Hidden, next.Subnets = slices.Clone(d.Stale), slices.Clone(d.Hidden), slices.Clone(d.Subnets)
	next.Entries, next.Hosts, next.Groups = copied(d.Entries), copied(d.Hosts), copied(d.Groups)
	next.names = make(map[string]map[uint16][]dns.RR, len(d.names))
	for name, sets := range d.names {
		next.names[name] = maps.Clone(sets) // sets themselves are never changed in place
	}
	return &next
}

func copied[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return maps.Clone(m)
}

// lines are the records in presentation format, sorted.
func (d *data) lines() []string {
	lines := []string{}
	for _, sets := range d.names {
		for _, set := range sets {
			for _, rr := range set {
				lines = append(lines, rr.String())
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func (d *data) index(rr dns.RR) {
	name := dns.CanonicalName(rr.Header().Name)
	if d.names[name] == nil {
		d.names[name] = map[uint16][]dns.RR{}
	}
	d.names[name][rr.Header().Rrtype] = append(slices.Clip(d.names[name][rr.Header().Rrtype]), rr)
}

// add adds a record; one that is there already gets the new time to live.
func (d *data) add(rr dns.RR) error {
	name, kind := dns.CanonicalName(rr.Header().Name), rr.Header().Rrtype
	set := d.names[name][kind]
	for i, old := range set {
		if dns.IsDuplicate(old, rr) {
			set = slices.Clone(set)
			set[i] = rr
			d.names[name][kind] = set
			return nil
		}
	}
	if len(set) >= maxSet {
		return fmt.Errorf("%s has %d %s records, and there is room for no more", name, maxSet, dns.TypeToString[kind])
	}
	if len(d.names) >= maxRecords {
		return fmt.Errorf("the directory has %d names, and there is room for no more", maxRecords)
	}
	d.index(rr)
	return nil
}

// remove takes out the records of a name: of one type unless it is ANY, and of the
// same data unless rr is nil. It reports how many there were.
func (d *data) remove(name string, kind uint16, rr dns.RR) int {
	name, n := dns.CanonicalName(name), 0
	for k, set := range d.names[name] {
		if kind != dns.TypeANY && kind != k {
			continue
		}
		kept := slices.DeleteFunc(slices.Clone(set), func(old dns.RR) bool { return rr == nil || dns.IsDuplicate(old, rr) })
		n += len(set) - len(kept)
		if d.names[name][k] = kept; len(kept) == 0 {
			delete(d.names[name], k)
		}
	}
	if len(d.names[name]) == 0 {
		delete(d.names, name)
	}
	return n
}

// setSubnet puts a subnet into a site; the empty site takes it out.
func (d *data) setSubnet(s Subnet) error {
	if !s.Prefix.IsValid() {
		return errors.New("site map: no subnet")
	}
	s.Prefix = s.Prefix.Masked()
	d.Subnets = slices.DeleteFunc(d.Subnets, func(old Subnet) bool { return old.Prefix == s.Prefix })
	if s.Site == "" {
		return nil
	}
	if err := enroll.CheckSite(s.Site); err != nil {
		return err
	}
	if len(d.Subnets) >= maxSubnets {
		return fmt.Errorf("site map: %d subnets, and there is room for no more", maxSubnets)
	}
	d.Subnets = append(d.Subnets, s)
	return nil
}

// siteOf is the site of the longest prefix that holds the address, "" for none.
func siteOf(subnets []Subnet, a netip.Addr) string {
	site, bits := "", -1
	for _, s := range subnets {
		if s.Prefix.Contains(a.Unmap()) && s.Prefix.Bits() > bits {
			site, bits = s.Site, s.Prefix.Bits()
		}
	}
	return site
}

func fqdn(name string) string { return dns.CanonicalName(name) }

// reverse is the name at which the PTR record of an address stands.
func reverse(a netip.Addr) string {
	name, err := dns.ReverseAddr(a.String())
	if err != nil {
		return ""
	}
	return name
}

// holds reports whether a list of names has this one, whatever its case.
func holds(list []string, name string) bool {
	return slices.ContainsFunc(list, func(n string) bool { return strings.EqualFold(n, name) })
}
