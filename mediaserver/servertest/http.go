package servertest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Ask sends one request, with pairs of names and values as its header, and
// returns the status and the body. The URL goes out as it is written, and no
// answer is followed elsewhere. A 401 has to say how a key is shown.
func Ask(t testing.TB, method, url string, header ...string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusUnauthorized && !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Bearer") {
		t.Errorf("%s %s: 401 without a way to show a key", method, url)
	}
	return resp.StatusCode, string(b)
}

// AskFor gets a URL that answers 200 and a value of JSON.
func AskFor[T any](t testing.TB, url string) (value T) {
	t.Helper()
	status, body := Ask(t, http.MethodGet, url)
	if err := json.Unmarshal([]byte(body), &value); err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d %s", url, status, body)
	}
	return value
}
