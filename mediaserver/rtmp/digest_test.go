package rtmp

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"io"
	"testing"
	"time"
)

// A signed C1 gets a signed answer, by the same scheme; one whose signature
// does not hold gets the echo that simple clients get.
func TestDigestHandshake(t *testing.T) {
	for i, scheme := range digestSchemes {
		for _, genuine := range []bool{true, false} {
			t.Run(fmt.Sprintf("scheme %d genuine %v", i, genuine), func(t *testing.T) {
				near, far := pair(t, false)
				server := NewServerConn(near, Config{})
				done := make(chan error, 1)
				go func() { done <- server.Handshake() }()
				c1 := make([]byte, packetSize)
				if _, err := rand.Read(c1); err != nil {
					t.Fatal(err)
				}
				copy(c1[4:], []byte{10, 0, 32, 2})
				digest := scheme.digest(c1, playerKey[:playerKeyShort])
				copy(c1[scheme.offset(c1):], digest)
				if !genuine {
					c1[1500] ^= 1
				}
				if _, err := far.Write(append([]byte{3}, c1...)); err != nil {
					t.Fatal(err)
				}
				answer := make([]byte, 1+2*packetSize)
				_ = far.SetReadDeadline(time.Now().Add(patience))
				if _, err := io.ReadFull(far, answer); err != nil {
					t.Fatal(err)
				}
				s1, s2 := answer[1:1+packetSize], answer[1+packetSize:]
				if genuine {
					at := scheme.offset(s1)
					if !hmac.Equal(s1[at:at+digestSize], scheme.digest(s1, serverKey[:serverKeyShort])) {
						t.Error("S1 is not signed as it should be")
					}
					body := s2[:packetSize-digestSize]
					if !hmac.Equal(s2[len(body):], sign(sign(serverKey, digest), body)) {
						t.Error("S2 is not signed as it should be")
					}
				} else if !bytes.Equal(s2, c1) {
					t.Error("S2 is no echo of C1")
				}
				if _, err := far.Write(make([]byte, packetSize)); err != nil {
					t.Fatal(err)
				}
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}
