package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/catalogue"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/web"
)

// Those who wait for an answer to a wrong key keep nobody from asking, wait no
// longer than their clients do, and are let go with it.
func TestGuessersKeepNobodyOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const from, free, longest = "192.0.2.1:5", 3, 8 * time.Second
		guesses := budget.NewGuesses()
		shelf := catalogue.Shelf{Application: "app", Instance: "one", Authorize: func(string) *session.Refusal {
			return &session.Refusal{Code: session.RefusedWrongKey}
		}}
		h := web.Handler(&source{recordings: []catalogue.Shelf{shelf}}, web.Options{Guesses: guesses})
		ask := func(ctx context.Context, method, path string) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(ctx, method, path, nil)
			r.Host, r.RemoteAddr = "localhost", from
			r.Header.Set("Authorization", "Bearer guess")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w
		}
		guess := func(ctx context.Context) *httptest.ResponseRecorder {
			return ask(ctx, "DELETE", "/recordings/app/one/x")
		}
		started := time.Now()
		for range free {
			if w := guess(t.Context()); w.Code != http.StatusUnauthorized || w.Header().Get("Connection") != "" || time.Since(started) != 0 {
				t.Errorf("a first guess is answered %d after %v", w.Code, time.Since(started))
			}
		}
		for range 20 {
			guesses.Wrong(from, time.Now())
		}
		ctx, leave := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		for range 20 {
			waiting.Go(func() { guess(ctx) })
		}
		synctest.Wait()
		if w := ask(t.Context(), "GET", "/recordings/app/two/x"); w.Code != http.StatusNotFound || time.Since(started) != 0 {
			t.Errorf("another question is answered %d after %v", w.Code, time.Since(started))
		}
		leave()
		waiting.Wait()
		if took := time.Since(started); took != 0 {
			t.Errorf("those whose clients have gone waited %v", took)
		}
		if w := guess(t.Context()); w.Code != http.StatusUnauthorized || w.Header().Get("Connection") != "close" || time.Since(started) != longest {
			t.Errorf("one guess of many is answered %d after %v", w.Code, time.Since(started))
		}
	})
}
