package origin

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// What an edge says that it has of shared objects is bounded, and names objects that there
// may be; each goes on once.
func FuzzObjectKept(f *testing.F) {
	for _, b := range []link.ObjectBody{{Name: "wall", Persistent: true, Has: 7}, {Name: "a/b"}, {Name: "../x", Has: 1}, {}} {
		seed, err := cbor.Marshal(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, one, two []byte) {
		e := &edge{pipe: link.NewPipe(nil, 1<<20)}
		for _, b := range [][]byte{one, two} {
			_ = e.objectKept(link.Record{Kind: link.ObjectKept, Body: b})
		}
		if len(e.has) > 2 {
			t.Fatalf("%d objects of two", len(e.has))
		}
		for key, has := range e.has {
			if err := sharedobject.CheckName(key.name); err != nil {
				t.Error(err)
			}
			if _, n := e.Carry(key.name, key.persistent); n != has {
				t.Errorf("%q goes on at %d, not %d", key.name, n, has)
			}
			if _, n := e.Carry(key.name, key.persistent); n != 0 {
				t.Errorf("%q goes on twice", key.name)
			}
		}
	})
}

// asks is a house that looks at requests as houses do.
type asks struct{ t *testing.T }

func (a asks) look(r *http.Request, way outlet.Way, path string) error {
	if r.URL == nil || r.Header == nil || r.Context() == nil {
		a.t.Fatal("a request has less than one of net/http")
	}
	q := r.URL.Query()
	_ = outlet.TokenOf(q)
	_ = q.Get("key")
	_ = r.URL.String()
	_, _, _ = net.SplitHostPort(r.RemoteAddr)
	_, _, _ = r.BasicAuth()
	_ = r.UserAgent() + r.Referer()
	switch {
	case outlet.IsOperator(r.Context()) && path == "":
		return outlet.ErrNotFound
	case way.Requests():
		return outlet.Refuse(http.StatusForbidden, "no")
	}
	return context.Canceled
}

func (a asks) Live(r *http.Request, way outlet.Way, path string) (*outlet.Live, error) {
	return nil, a.look(r, way, path)
}

func (a asks) Recording(r *http.Request, way outlet.Way, path string) (*outlet.Recording, error) {
	return nil, a.look(r, way, path)
}

// What an edge says of a viewer by HTTP becomes a request that a house can look at, and is
// answered with a status of HTTP, whatever it is.
func FuzzWatch(f *testing.F) {
	for _, b := range []link.WatchBody{
		{Path: "app/one/cam", Way: string(outlet.FLV), Method: http.MethodGet, URL: "/app/one/cam.flv", Query: "key=a&viewer=ABC", Address: "192.0.2.1:5", Agent: "x", Authorization: "Bearer y"},
		{Path: "", Recorded: true, Way: "?", Method: "\x00", URL: "://", Query: "%zz;&=", Address: "::", Operator: true, Referrer: "\r\n"},
	} {
		seed, err := cbor.Marshal(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var body link.WatchBody
		if link.Unmarshal(b, &body) != nil {
			return
		}
		v := &viewer{e: &edge{o: &Origin{cfg: Config{House: asks{t}}}}}
		v.ctx, v.cancel = context.WithCancel(t.Context())
		defer v.cancel()
		if a := v.ask(&body); a.Status < 400 || a.Status > 599 || a.Token != "" {
			t.Errorf("a viewer of nothing is answered %+v", a)
		}
	})
}
