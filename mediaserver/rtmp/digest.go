package rtmp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
)

// The digest handshake is Flash Player's way to tell a genuine server: from
// 9.0.115 on it plays H.264 and AAC from no other. It is not in the
// specification; its keys have been public for as long, and protect nothing.

const (
	packetSize = 1536 // of C1, S1, C2 and S2
	digestSize = sha256.Size
)

// keyTail ends both keys.
const keyTail = "\xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57\x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae"

var (
	playerKey = []byte("Genuine Adobe Flash Player 001" + keyTail)
	serverKey = []byte("Genuine Adobe Flash Media Server 001" + keyTail)
)

const (
	playerKeyShort = 30 // bytes of the keys that sign C1 and S1
	serverKeyShort = 36
)

// digestScheme says where in C1 and S1 the digest is: behind a position that
// four bytes add up to.
type digestScheme struct{ sum, base int }

// Clients use either; a server answers in kind.
var digestSchemes = []digestScheme{
	{sum: 8, base: 12},    // digest before the key
	{sum: 772, base: 776}, // digest behind the key
}

func (s digestScheme) offset(packet []byte) int {
	sum := 0
	for _, b := range packet[s.sum : s.sum+4] {
		sum += int(b)
	}
	return sum%728 + s.base
}

// digest is the signature of a packet without the digest in it.
func (s digestScheme) digest(packet, key []byte) []byte {
	at := s.offset(packet)
	return sign(key, packet[:at], packet[at+digestSize:])
}

func sign(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// findDigest looks for a client's digest in C1; ok is false when there is none
// that holds.
func findDigest(c1 []byte) (digest []byte, scheme digestScheme, ok bool) {
	for _, s := range digestSchemes {
		at := s.offset(c1)
		have := c1[at : at+digestSize]
		if hmac.Equal(have, s.digest(c1, playerKey[:playerKeyShort])) {
			return have, s, true
		}
	}
	return nil, digestScheme{}, false
}

// digestAnswer makes S1 and S2 for a client's digest.
func digestAnswer(clientDigest []byte, s digestScheme) (s1, s2 []byte, err error) {
	both := make([]byte, 2*packetSize)
	if _, err := rand.Read(both); err != nil {
		return nil, nil, fmt.Errorf("random bytes: %w", err)
	}
	s1, s2 = both[:packetSize], both[packetSize:]
	copy(s1, []byte{0, 0, 0, 0, 3, 5, 7, 1}) // time, and the version of a server that signs
	copy(s1[s.offset(s1):], s.digest(s1, serverKey[:serverKeyShort]))
	body := s2[:packetSize-digestSize]
	copy(s2[len(body):], sign(sign(serverKey, clientDigest), body))
	return s1, s2, nil
}
