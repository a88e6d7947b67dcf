package httpflv

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/outlet"
)

// queries are what requests ask for behind their paths; a status is why they are refused.
var queries = map[string]struct {
	start  time.Duration
	begins bool
	track  uint8
	asked  bool
	status int
}{
	"":                     {},
	"key=secret":           {},
	"start=0":              {begins: true},
	"start=12.5&track=3":   {start: 12500 * time.Millisecond, begins: true, track: 3, asked: true},
	"track=0":              {asked: true},
	"start=4294967.295":    {start: 4294967295 * time.Millisecond, begins: true},
	"start=4294967.3":      {status: http.StatusBadRequest},
	"start=":               {status: http.StatusBadRequest},
	"start=-0.1":           {status: http.StatusBadRequest},
	"start=inf":            {status: http.StatusBadRequest},
	"start=nan":            {status: http.StatusBadRequest},
	"track=":               {status: http.StatusBadRequest},
	"track=-1":             {status: http.StatusBadRequest},
	"track=1.5":            {status: http.StatusBadRequest},
	"start=1;track=2&x=%2": {},
}

func TestQueries(t *testing.T) {
	t.Parallel()
	for text, want := range queries {
		values, _ := url.ParseQuery(text) // what cannot be read is not there, as in a request
		q, err := parseQuery(values)
		var no *outlet.Refusal
		if errors.As(err, &no) {
			if no.Status != want.status {
				t.Errorf("%q: %v", text, no)
			}
			continue
		}
		if err != nil || want.status != 0 || q.start != want.start || q.begins != want.begins || q.takes.Track != want.track || q.takes.Asked != want.asked {
			t.Errorf("%q: %+v (%v), want %+v", text, q, err, want)
		}
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/app/room/cam.flv": "app/room/cam", "/app/a/b/cam.flv": "app/a/b/cam", "/app/cam.flv.flv": "app/cam.flv", "/app/mp4:film.flv": "app/mp4:film",
		"/app/room/cam": "", "/.flv": "", "/app/.flv": "", "/app/room/index.m3u8": "", "": "", "/app/cam.flv/x": "",
	} {
		if name, ok := Match(path); ok != (want != "") || ok && name != want {
			t.Errorf("%q is %q, %v", path, name, ok)
		}
	}
}

// FuzzQuery asks for anything: it is refused, or within what files and tracks have.
func FuzzQuery(f *testing.F) {
	for text := range queries {
		f.Add(text, "/app/room/cam.flv")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		if name, ok := Match(path); ok && (name == "" || name[len(name)-1] == '/') {
			t.Errorf("%q is the name of %q", name, path)
		}
		values, _ := url.ParseQuery(text)
		q, err := parseQuery(values)
		var no *outlet.Refusal
		switch {
		case errors.As(err, &no):
			if no.Status != http.StatusBadRequest || no.Reason == "" {
				t.Errorf("%+v", no)
			}
		case err != nil:
			t.Error(err)
		case q.start < 0 || q.start > maxStart || q.start != 0 && !q.begins || q.takes.Track != 0 && !q.takes.Asked:
			t.Errorf("%+v", q)
		}
	})
}
