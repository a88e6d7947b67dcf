package waking

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// Path is where the operator is asked, by POST.
	Path = "/wake"
	// MaxRequest and MaxAnswer are how many bytes those may have.
	MaxRequest = 1 << 10
	MaxAnswer  = 8 << 10
	// Fresh is how far the clocks of both may be apart.
	Fresh = time.Minute

	// maxName is of namespace/name: 63 and 253 bytes, as Kubernetes has them.
	maxName  = 63 + 1 + 253
	maxNonce = 64
)

// Request asks for an AppInstance to be woken, and how far it is.
type Request struct {
	Name  string `json:"name"`  // namespace/name
	At    int64  `json:"at"`    // now, in seconds since 1970
	Nonce string `json:"nonce"` // of this request alone
	Proof string `json:"proof"` // that the key is known, in hex
}

// NewRequest makes a request by who has the key.
func NewRequest(name, key string, now time.Time) Request {
	r := Request{Name: name, At: now.Unix(), Nonce: rand.Text()}
	r.Proof = r.proof(key)
	return r
}

// proof is a MAC over all that is asked. The first word keeps it from being one of anything
// else that is made with the key.
func (r *Request) proof(key string) string {
	return mac(key, "flashpod wake", r.Name, fmt.Sprint(r.At), r.Nonce)
}

func mac(key string, parts ...string) string {
	h := hmac.New(sha256.New, []byte(key))
	for _, p := range parts {
		fmt.Fprintf(h, "%d %s\n", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ParseRequest reads a request, which proves nothing yet.
func ParseRequest(text []byte) (Request, error) {
	if len(text) > MaxRequest {
		return Request{}, fmt.Errorf("longer than %d bytes", MaxRequest)
	}
	var r Request
	switch err := json.Unmarshal(text, &r); {
	case err != nil:
		return Request{}, err
	case r.Name == "" || len(r.Name) > maxName:
		return Request{}, errors.New("name: it is NAMESPACE/NAME of an AppInstance")
	case r.Nonce == "" || len(r.Nonce) > maxNonce:
		return Request{}, fmt.Errorf("nonce: it has 1 to %d bytes", maxNonce)
	}
	return r, nil
}

// Why a request is not believed.
var (
	ErrProof = errors.New("the proof is not of this AppInstance's key")
	ErrStale = errors.New("it was not made now: the clocks of the gateway and of the operator are apart")
)

// Check says whether a request was made now, by who has the key.
func (r *Request) Check(key string, now time.Time) error {
	if !hmac.Equal([]byte(r.Proof), []byte(r.proof(key))) {
		return ErrProof
	}
	if apart := now.Unix() - r.At; apart < -int64(Fresh/time.Second) || apart > int64(Fresh/time.Second) {
		return ErrStale
	}
	return nil
}

// State is what there is to do for a client.
type State string

// The states.
const (
	Awake   State = "Awake"   // let it in
	Waking  State = "Waking"  // ask again soon; Reason says what it waits for
	Refused State = "Refused" // waiting does not help; Reason says why
)

// Reasons of Refused. Others are those of the AppInstance's conditions, which say what its
// server waits for, or what is in its way.
const (
	Suspended = "Suspended" // by a person
	TooOften  = "TooOften"  // it was woken as often as may be
	Unknown   = "Unknown"   // there is none, or it is not behind the gateway
)

// Busy is a reason of Waking: others are woken first.
const Busy = "Busy"

// Answer is what has come of it.
type Answer struct {
	State   State  `json:"state"`
	Reason  string `json:"reason,omitempty"`  // one word
	Message string `json:"message,omitempty"` // for the log of who runs the gateway, never for a client
	Proof   string `json:"proof"`             // that the key is known, and the request was seen, in hex
}

const (
	maxReason  = 64
	maxMessage = 2 << 10
)

// Answer signs what is answered to a request.
func (r *Request) Answer(key string, a Answer) Answer {
	a.Reason, a.Message = front(a.Reason, maxReason), front(a.Message, maxMessage)
	a.Proof = a.proof(key, r)
	return a
}

// front cuts a text, and leaves out what JSON has no form for, of which there would be no
// proof behind it.
func front(s string, most int) string { return strings.ToValidUTF8(s[:min(len(s), most)], "") }

func (a *Answer) proof(key string, r *Request) string {
	return mac(key, "flashpod wake answer", r.Proof, string(a.State), a.Reason, a.Message)
}

// ParseAnswer reads an answer to a request, and believes it if it is of who has the key.
func (r *Request) ParseAnswer(key string, text []byte) (Answer, error) {
	var a Answer
	if len(text) > MaxAnswer {
		return a, fmt.Errorf("longer than %d bytes", MaxAnswer)
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return Answer{}, err
	}
	if !hmac.Equal([]byte(a.Proof), []byte(a.proof(key, r))) {
		return Answer{}, ErrProof
	}
	switch a.State {
	case Awake, Waking, Refused:
		return a, nil
	}
	return Answer{}, fmt.Errorf("state %.40q is none that this gateway knows", a.State)
}
