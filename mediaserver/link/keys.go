package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"errors"
)

// Keys are those of one end, as they are now: it shows all, the first one first, and takes
// the other end for one of its own that shows any of them. Several are for the time in
// which a key is replaced: one end hears of that before the other. It waits for nothing.
type Keys func() [][]byte

// FixedKeys are keys that stay.
func FixedKeys(keys ...string) Keys {
	all := make([][]byte, len(keys))
	for i, k := range keys {
		all[i] = []byte(k)
	}
	return func() [][]byte { return all }
}

const (
	// MaxKeys is how many keys an edge shows at most; those behind do not count.
	MaxKeys = 8
	// MaxTaken is how many an origin takes: its own, and those of edges of others.
	MaxTaken = 72
)

// proof is what both ends say of one key on one connection.
type proof struct{ edge, origin []byte }

// proofs are what an edge and an origin with these keys say on this connection, and on no
// other.
func proofs(t *tls.Conn, keys Keys) ([]proof, error) {
	all := keys()
	if len(all) == 0 {
		return nil, errors.New("there is no link key")
	}
	state := t.ConnectionState()
	material, err := state.ExportKeyingMaterial(exporter, nil, proofSize)
	if err != nil {
		return nil, err
	}
	of := func(key []byte, who string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(who))
		h.Write(material)
		return h.Sum(nil)
	}
	var out []proof
	for _, key := range all[:min(len(all), MaxTaken)] {
		out = append(out, proof{of(key, "edge"), of(key, "origin")})
	}
	return out, nil
}

// answer is what an origin says to an edge that has shown these; nil: it has no key in
// common with it.
func answer(ours []proof, shown [][]byte) []byte {
	for _, p := range ours {
		for _, s := range shown[:min(len(shown), MaxKeys)] {
			if hmac.Equal(p.edge, s) {
				return p.origin
			}
		}
	}
	return nil
}
