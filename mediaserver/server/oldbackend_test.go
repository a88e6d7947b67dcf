package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// A shop asks its backend in forms and in XML, once the host is allowed.
func TestOldShop(t *testing.T) {
	t.Parallel()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/price" && r.FormValue("what") == "hat & scarf":
			fmt.Fprint(w, "price=12%2e50&currency=EUR")
		case r.URL.Path == "/stock.xml":
			fmt.Fprint(w, "<?xml version=\"1.0\"?>\n<stock>\n <item name=\"hat\">3</item>\n <item name=\"scarf\">0</item>\n</stock>")
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(backend.Close)
	host := strings.TrimPrefix(backend.URL, "http://")
	calls := []string{"onPrice", "onStock"}
	s := oldFolder(t, Config{ScriptHosts: []string{host}}, nil)
	g := comeIn(t, s, "shop/x", calls, backend.URL)
	_ = g.ask("price", "hat & scarf")
	g.hears(`onPrice(true,"12.50",200)`)
	_ = g.ask("stock")
	g.hears(`onStock(true,["hat=3","scarf=0"])`)
	none := oldFolder(t, Config{}, nil)
	g = comeIn(t, none, "shop/x", calls, backend.URL)
	_ = g.ask("price", "hat & scarf")
	g.hears("onPrice(false,undefined,undefined)")
}

// Who may come in is asked over Flash Remoting, while the client waits.
func TestOldRemoting(t *testing.T) {
	t.Parallel()
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/x-amf")
		if !strings.Contains(string(body), "members.Login.check") {
			t.Errorf("asked %q", body)
		}
		var result amf.Value
		if strings.Contains(string(body), "sesame") {
			result = amf.NewObject("name", "Anna", "level", 3.0)
		}
		_, _ = w.Write(envelope(t, body, result))
	}))
	t.Cleanup(gateway.Close)
	u, _ := url.Parse(gateway.URL)
	s := oldFolder(t, Config{ScriptHosts: []string{u.Host}}, func(dir string) {
		write(t, filepath.Join(dir, "remoting/scripts/gateway.asc"), fmt.Sprintf("gateway = %q;", gateway.URL+"/gateway"))
	})
	comeIn(t, s, "remoting/x", nil, "anna", "sesame").asks("myName", `"Anna"`)
	_, err := knock(t, s, "remoting/x", nil, "anna", "wrong")
	var refused *rtmp.StatusError
	if !errors.As(err, &refused) || !strings.Contains(refused.Error(), "not a member") {
		t.Errorf("a stranger: %v", err)
	}
}

// envelope answers the one call of a Flash Remoting request [AMF0 §4.1].
func envelope(t *testing.T, asked []byte, result amf.Value) []byte {
	t.Helper()
	i := strings.LastIndex(string(asked), "/") // the response's name is the last text: /1
	name := string(asked[i:])
	if j := strings.IndexFunc(name[1:], func(r rune) bool { return r < '0' || r > '9' }); j >= 0 {
		name = name[:1+j]
	}
	short := func(b []byte, s string) []byte { return append(append(b, byte(len(s)>>8), byte(len(s))), s...) }
	b := []byte{0, 0, 0, 0, 0, 1}
	b = short(short(b, name+"/onResult"), "null")
	b = append(b, 0xff, 0xff, 0xff, 0xff)
	b, err := amf.Append(b, result)
	if err != nil {
		t.Error(err)
	}
	return b
}
