package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// hashedKey is enough to recognise a key, and not enough to use it: a
// thief of the volume, or of a copy, cannot publish with what is on it.
type hashedKey struct {
	Salt []byte `json:"salt"`
	Sum  []byte `json:"sum"` // HMAC-SHA256 of the key
}

func hashKey(key string) *hashedKey {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the process instead
	return &hashedKey{salt, sum(salt, key)}
}

func sum(salt []byte, key string) []byte {
	m := hmac.New(sha256.New, salt)
	m.Write([]byte(key))
	return m.Sum(nil)
}

// is compares in constant time. No key is nil.
func (h *hashedKey) is(key string) bool {
	return h != nil && hmac.Equal(h.Sum, sum(h.Salt, key))
}

func (h *hashedKey) valid() bool { return h == nil || len(h.Salt) > 0 && len(h.Sum) == sha256.Size }

// keyMemory is what outlives the server of an instance's publish keys, as JSON
// in a file beside the data: a changed key has overwritten the one before it.
type keyMemory struct {
	// Current is the key that was last seen, Previous the one before it, which
	// stays here when its time is over, to be told from a wrong one.
	Current  *hashedKey `json:"current"`
	Previous *hashedKey `json:"previous,omitempty"`
	// Replaced is when the server noticed that Current had taken Previous's
	// place.
	Replaced time.Time `json:"replaced,omitzero"`
}

// loadMemory reads it; it is empty when there is no file yet. A time from the
// future counts as now: a clock that was wrong lets no key live on.
func loadMemory(path string, now time.Time) (keyMemory, error) {
	var m keyMemory
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return m, nil
	case err != nil:
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return keyMemory{}, fmt.Errorf("%s: %w", path, err)
	}
	if m.Current == nil || !m.Current.valid() || !m.Previous.valid() {
		return keyMemory{}, fmt.Errorf("%s: no keys in it", path)
	}
	if m.Replaced.After(now) {
		m.Replaced = now
	}
	return m, nil
}

func (m keyMemory) save(path string) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return writeWhole(path, append(b, '\n'))
}
