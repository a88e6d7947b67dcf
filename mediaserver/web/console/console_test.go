package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fake is a server that a test moves.
type fake struct {
	Source
	server    func() Server
	instances func() []Instance
	changed   []string
	err       error
}

func (f *fake) Server() Server        { return f.server() }
func (f *fake) Instances() []Instance { return f.instances() }
func (f *fake) Detail(context.Context, string, string) (Detail, bool) {
	return Detail{}, false
}

func (f *fake) change(what ...any) error {
	f.changed = append(f.changed, fmt.Sprint(what...))
	return f.err
}

func (f *fake) Kick(a, i, c string) error                   { return f.change("kick ", a, " ", i, " ", c) }
func (f *fake) Unload(_ context.Context, a, i string) error { return f.change("unload ", a, " ", i) }
func (f *fake) Delete(_ context.Context, a, i, n string) error {
	return f.change("delete ", a, " ", i, " ", n)
}
func (f *fake) Drain() { _ = f.change("drain") }

// constant is a server in which so many bytes come and go each second.
func constant(perSecond uint64) *fake {
	began := time.Now()
	return &fake{
		server: func() Server {
			n := uint64(time.Since(began)/time.Second) * perSecond
			return Server{Memory: 100 << 20, Clients: 3, Players: 2, Totals: Totals{In: n, Out: 2 * n}, Busy: time.Since(began) / 2}
		},
		instances: func() []Instance {
			return []Instance{{Application: "b", Totals: Totals{In: uint64(time.Since(began)/time.Second) * perSecond}}, {Application: "a"}}
		},
	}
}

// The last hour is kept, and no more, whether anybody looks or not; each point is an
// average of its ten seconds.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSampler(constant(1000), NewLines())
		go s.run()
		<-time.After(90*time.Minute + time.Second)
		synctest.Wait()
		s.mu.Lock()
		h := s.history
		s.mu.Unlock()
		if len(h.Points) != 360 || h.Step != 10 {
			t.Fatalf("%d points, %d s apart", len(h.Points), h.Step)
		}
		for i, p := range h.Points {
			if p.In != 8000 || p.Out != 16000 || p.CPU != 0.5 || p.Clients != 3 || p.Players != 2 || p.Memory != 100<<20 {
				t.Fatalf("point %+v", p)
			}
			if i > 0 && p.T-h.Points[i-1].T != 10 {
				t.Fatalf("points are at %d and %d", h.Points[i-1].T, p.T)
			}
		}
		if age := time.Now().Unix() - h.Points[359].T; age > 10 {
			t.Errorf("the newest point is %d s old", age)
		}
		s.close()
	})
}

// A listener gets the hour at first, then each point once, and state as long as it
// changes. One that was away for long gets the hour again.
func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := constant(1000)
		lines := NewLines()
		s := newSampler(src, lines)
		go s.run()
		defer s.close()
		for n := range 150 {
			lines.Add(Line{Text: fmt.Sprint("line ", n)})
		}
		<-time.After(time.Minute + time.Second)
		of := &login{}
		l, err := s.listen(of, topicKey{"a", "x", ""})
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(5 * time.Second)
		names := func() (all []string) {
			synctest.Wait()
			for _, e := range s.next(l) {
				name, data, _ := strings.Cut(strings.TrimPrefix(string(e), "event: "), "\ndata: ")
				if !json.Valid([]byte(data)) || !strings.HasSuffix(data, "\n\n") {
					t.Errorf("event %q", e)
				}
				all = append(all, name)
			}
			return all
		}
		if got := fmt.Sprint(names()); got != "[history state detail"+strings.Repeat(" log", 100)+"]" {
			t.Errorf("at first %s", got)
		}
		if got := names(); len(got) != 0 {
			t.Errorf("nothing has happened, and %q come", got)
		}
		<-time.After(20 * time.Second)
		if got := fmt.Sprint(names()); got != "[point point]" { // rates are what they were
			t.Errorf("after a while %s", got)
		}
		for range 3000 {
			lines.Add(Line{Text: "more"})
		}
		if got := names(); got[0] != "lost" || len(got) < 500 {
			t.Errorf("after many lines %.5q", got)
		}
		<-time.After(3 * time.Hour)
		for {
			got := names()
			if len(got) == 0 {
				break
			}
			if len(got) > 0 && got[0] == "point" {
				t.Errorf("after three hours %q", got)
			}
		}
		s.leave(l)
		if of.listeners != 0 || len(s.topics) != 0 || len(s.listeners) != 0 {
			t.Errorf("%d listeners, %v, %v", of.listeners, s.topics, s.listeners)
		}
	})
}

// What is kept of lines is bounded in lines and in bytes, whatever a script says.
func TestLines(t *testing.T) {
	t.Parallel()
	l := NewLines()
	for range 5000 {
		l.Add(Line{Text: "short"})
	}
	if len(l.list) != maxLines {
		t.Errorf("%d lines are kept", len(l.list))
	}
	for range 5000 {
		l.Add(Line{Text: strings.Repeat("long ", 400)})
	}
	if l.bytes > maxLineBytes {
		t.Errorf("%d bytes are kept", l.bytes)
	}
	at, seen := uint64(0), uint64(0)
	for {
		lines, next, lost := l.from(at, 10<<10)
		if len(lines) == 0 {
			break
		}
		at, seen = next, seen+uint64(len(lines))+lost
	}
	if seen != 10000 || at != 10000 {
		t.Errorf("%d lines are seen or known to be lost, up to %d", seen, at)
	}
}

func consoleOf(t testing.TB, src *fake) (*Console, *login) {
	t.Helper()
	c := New(src, Options{Tokens: func(r Role) (string, error) {
		if r == Viewer {
			return "", errors.New("there is none")
		}
		return "token", nil
	}})
	t.Cleanup(c.Close)
	return c, c.sessions.begin(Admin, "token")
}

// FuzzRequest sends what another page or a program may. Nothing of that changes anything
// but what comes with a session from our own page.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/-/console/api/drain", "example.org", "http://example.org", "same-origin", "1", true)
	f.Add("DELETE", "/-/console/api/instances/a/b%2Fc/clients/d", "example.org", "http://evil.example", "cross-site", "1", true)
	f.Add("POST", "/-/console/api/instances/a/b/unload", "[::1]:8080", "http://[::1]:8080", "", "1", true)
	f.Add("DELETE", "/-/console/api/recordings/a/b/c/d", "", "", "same-site", "", false)
	f.Add("GET", "/-/console/api/events?instance=%00&object=p:", "h", "null", "none", "0", true)
	f.Add("GET", "/-/console/media/a/b/c.flv?download=1", "h", "", "", "", true)
	src := constant(1)
	c, session := consoleOf(f, src)
	f.Fuzz(func(t *testing.T, method, target, host, origin, site, header string, in bool) {
		r, err := http.NewRequest(method, "http://h", nil)
		if err != nil {
			return
		}
		if r.URL, err = r.URL.Parse(target); err != nil || !strings.HasPrefix(r.URL.Path, Path) {
			return
		}
		r.Host = host
		for name, v := range map[string]string{"Origin": origin, "Sec-Fetch-Site": site, changeHeader: header} {
			if v != "" {
				r.Header[name] = []string{v}
			}
		}
		if in {
			r.AddCookie(&http.Cookie{Name: cookieName, Value: session.id})
		}
		if strings.HasSuffix(r.URL.Path, "/api/session") {
			return // it would end the session
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // events end at once
		src.changed = nil
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r.WithContext(ctx))
		if len(src.changed) == 0 {
			return
		}
		same := strings.EqualFold(origin, "http://"+host) || strings.EqualFold(origin, "https://"+host)
		if !in || header != "1" || method == http.MethodGet || origin != "" && !same || origin == "" && site != "same-origin" || site != "" && site != "same-origin" {
			t.Errorf("%q by %s %s, host %q origin %q site %q header %q session %v", src.changed, method, target, host, origin, site, header, in)
		}
	})
}

// Names in paths are unescaped once, and slashes of an instance stay its own.
func TestPaths(t *testing.T) {
	t.Parallel()
	src := constant(1)
	c, session := consoleOf(t, src)
	for target, want := range map[string]string{
		"DELETE api/instances/a/b%2Fc/clients/d%2541": "kick a b/c d%41",
		"POST api/instances/a/_definst_/unload":       "unload a _definst_",
		"DELETE api/recordings/a/b%2Fc/d/e%20f":       "delete a b/c d/e f",
		"POST api/drain":                              "drain",
	} {
		method, path, _ := strings.Cut(target, " ")
		r := httptest.NewRequest(method, Path+path, nil)
		r.Header.Set(changeHeader, "1")
		r.Header.Set("Origin", "http://"+r.Host)
		r.AddCookie(&http.Cookie{Name: cookieName, Value: session.id})
		src.changed = nil
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		if w.Code != http.StatusNoContent || len(src.changed) != 1 || src.changed[0] != want {
			t.Errorf("%s: %d %q, want %q", target, w.Code, src.changed, want)
		}
	}
	src.err = &Error{http.StatusConflict, "it is busy"}
	r := httptest.NewRequest(http.MethodPost, Path+"api/instances/a/b/unload", nil)
	r.Header.Set(changeHeader, "1")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.AddCookie(&http.Cookie{Name: cookieName, Value: session.id})
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	if w.Code != http.StatusConflict || w.Body.String() != `{"error":"it is busy"}`+"\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
