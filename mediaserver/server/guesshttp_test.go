package server

import (
	"net/http"
	"testing"
	"time"
)

// Wrong keys that are shown to delete recordings count with those shown to publish:
// answers to both slow down, and the right key deletes at once.
func TestWrongKeysOverHTTPSlowDown(t *testing.T) {
	t.Parallel()
	key := &secret{t: t, dir: t.TempDir()}
	key.write("TheKey")
	s, _ := runWith(t, Config{PublishKeyFile: key.file()}, "{application: app, instance: one}")
	put(t, s, 0, "x", 1)
	try := func(key string, want int) time.Duration {
		t.Helper()
		started := time.Now()
		if code, body := ask(t, s, "DELETE", "/recordings/app/one/x", "Authorization", "Bearer "+key); code != want {
			t.Errorf("%q: %d %s, want %d", key, code, body, want)
		}
		return time.Since(started)
	}
	for range 3 {
		try("guess", http.StatusUnauthorized)
	}
	for _, least := range []time.Duration{250 * time.Millisecond, 500 * time.Millisecond} {
		if took := try("guess", http.StatusUnauthorized); took < least {
			t.Errorf("a wrong key too many was answered after %v, want %v", took, least)
		}
	}
	started := time.Now()
	guesser := comeFrom(t, s, "127.0.0.1")
	guesser.On(1, "publish", "cam?key=guess", "live")
	guesser.Expect("onStatus NetStream.Publish.BadName")
	if took := time.Since(started); took < time.Second {
		t.Errorf("one to publish was answered after %v", took)
	}
	for range 3 { // the last of them is answered after eight seconds, and nobody waits for that
		nc := askHTTP(t, s, "DELETE /recordings/app/one/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer guess\r\n\r\n")
		defer nc.Close()
	}
	if took := try("TheKey", http.StatusNoContent); took >= 8*time.Second {
		t.Errorf("the right key was answered after %v", took)
	}
}
