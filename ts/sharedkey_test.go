package ts_test

import (
	"crypto/rand"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tslab/tslab/wire/rdpsec"
)

// sharedKeys are the keys of the test binary: to make one takes time.
var sharedKeys sync.Map // bits -> func() ([]byte, error)

// shareKey puts a key into the state folder of a server that is about to start.
func shareKey(t *testing.T, dir string, bits int) {
	t.Helper()
	make, _ := sharedKeys.LoadOrStore(bits, sync.OnceValues(func() ([]byte, error) {
		key, err := rdpsec.GenerateKey(rand.Reader, bits)
		if err != nil {
			return nil, err
		}
		return key.Marshal()
	}))
	der, err := make.(func() ([]byte, error))()
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "rdpkey.der"), string(der))
}
