package waking

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

const key = "the-key-of-an-instance-0123456789"

// now is a time of the test's own.
var now = time.Unix(1796000000, 0)

func text(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A request is believed from who has the key, for as long as it is fresh, and whatever is
// changed of it makes it nobody's.
func TestRequest(t *testing.T) {
	r, err := ParseRequest(text(t, NewRequest("ns/lobby", key, now)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		change func(*Request)
		key    string
		now    time.Time
		want   error
	}{
		{"as it is", func(*Request) {}, key, now, nil},
		{"a minute later", func(*Request) {}, key, now.Add(Fresh), nil},
		{"a minute before", func(*Request) {}, key, now.Add(-Fresh), nil},
		{"too late", func(*Request) {}, key, now.Add(Fresh + time.Second), ErrStale},
		{"too early", func(*Request) {}, key, now.Add(-Fresh - time.Second), ErrStale},
		{"of another instance", func(r *Request) { r.Name = "ns/lobb" }, key, now, ErrProof},
		{"cut otherwise", func(r *Request) { r.Nonce = r.Nonce[1:] }, key, now, ErrProof},
		{"said later", func(r *Request) { r.At++ }, key, now, ErrProof},
		{"without a proof", func(r *Request) { r.Proof = "" }, key, now, ErrProof},
		{"with another key", func(*Request) {}, key + "x", now, ErrProof},
		{"at the end of time", func(r *Request) { r.At = -1 << 63; r.Proof = r.proof(key) }, key, now, ErrStale},
	} {
		changed := r
		c.change(&changed)
		if err := changed.Check(c.key, c.now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
	if again := NewRequest("ns/lobby", key, now); again.Proof == r.Proof {
		t.Error("two requests have one proof")
	}
	if strings.Contains(string(text(t, r)), key) {
		t.Error("the key is in the request")
	}
}

// An answer is believed for its request alone.
func TestAnswer(t *testing.T) {
	r, other := NewRequest("ns/lobby", key, now), NewRequest("ns/lobby", key, now)
	sent := text(t, r.Answer(key, Answer{State: Waking, Reason: "Starting", Message: strings.Repeat("m", 1<<20)}))
	a, err := r.ParseAnswer(key, sent)
	if err != nil || a.State != Waking || a.Reason != "Starting" || len(a.Message) != maxMessage {
		t.Errorf("%v, %v", a.State, err)
	}
	cut := r.Answer(key, Answer{State: Waking, Reason: "\xff", Message: "m" + strings.Repeat("é", maxMessage)})
	if _, err := r.ParseAnswer(key, text(t, cut)); err != nil {
		t.Errorf("cut in the middle of a character: %v", err)
	}
	if _, err := other.ParseAnswer(key, sent); !errors.Is(err, ErrProof) {
		t.Errorf("to another request: %v", err)
	}
	if _, err := r.ParseAnswer(key+"x", sent); !errors.Is(err, ErrProof) {
		t.Errorf("by another key: %v", err)
	}
	if _, err := r.ParseAnswer(key, text(t, r.Answer(key, Answer{State: "Dancing"}))); err == nil || !strings.Contains(err.Error(), "Dancing") {
		t.Errorf("a state that there is not: %v", err)
	}
	if _, err := r.ParseAnswer(key, make([]byte, MaxAnswer+1)); err == nil {
		t.Error("it is too long")
	}
}

var requests = []string{
	`{"name":"ns/lobby","at":1796000000,"nonce":"n","proof":""}`,
	`{"name":"","nonce":"n"}`,
	`{"name":"ns/lobby"}`,
	`{"name":"ns/lobby","at":1e99,"nonce":"n"}`,
	`[]`, ``, `{`, `{"name":["x"]}`,
	`{"name":"` + strings.Repeat("n", 400) + `","nonce":"n"}`,
	`{"name":"ns/lobby","nonce":"n","proof":"` + strings.Repeat("0", MaxRequest) + `"}`,
}

// Whatever a stranger sends is no request, or one within bounds that is believed of nobody.
func FuzzRequest(f *testing.F) {
	for _, r := range requests {
		f.Add([]byte(r))
	}
	f.Add(text(f, NewRequest("ns/lobby", "another key", now)))
	f.Fuzz(func(t *testing.T, sent []byte) {
		r, err := ParseRequest(sent)
		if err != nil {
			if r != (Request{}) {
				t.Errorf("%+v, and %v", r, err)
			}
			return
		}
		if len(sent) > MaxRequest || r.Name == "" || len(r.Name) > maxName || len(r.Nonce) > maxNonce {
			t.Errorf("%+v", r)
		}
		if r.Check(key, time.Unix(r.At, 0)) == nil {
			t.Errorf("%+v is believed", r)
		}
		if a := r.Answer(key, Answer{State: Awake}); len(text(t, a)) > MaxAnswer {
			t.Errorf("an answer has %d bytes", len(text(t, a)))
		}
	})
}

// Nor does an answer bring more than it may.
func FuzzAnswer(f *testing.F) {
	r := NewRequest("ns/lobby", key, now)
	f.Add([]byte(`{"state":"Awake"}`))
	f.Add(text(f, r.Answer("another key", Answer{State: Awake})))
	f.Fuzz(func(t *testing.T, sent []byte) {
		if a, err := r.ParseAnswer(key, sent); err == nil {
			t.Errorf("%+v is believed", a)
		}
	})
}
