package public

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const policyHead = "<?xml version=\"1.0\"?>\n<!DOCTYPE cross-domain-policy SYSTEM \"http://www.adobe.com/xml/dtds/cross-domain-policy.dtd\">\n<cross-domain-policy>\n"

// A policy file has what origins say, as far as it has words for it, byte for byte.
func TestPolicyFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		origins         []string
		control, allows string // of HTTP; what stands behind a domain of sockets is %
	}{
		"none":          {nil, "none", ""},
		"everybody":     {[]string{"https://a.example", "*"}, "master-only", "  <allow-access-from domain=\"*\"% secure=\"false\"/>\n"},
		"by HTTPS":      {[]string{"https://A.example"}, "master-only", "  <allow-access-from domain=\"a.example\"% secure=\"true\"/>\n"},
		"by both":       {[]string{"http://a.example", "https://a.example"}, "master-only", "  <allow-access-from domain=\"a.example\"% secure=\"false\"/>\n"},
		"two":           {[]string{"http://b.example", "https://192.0.2.7"}, "master-only", "  <allow-access-from domain=\"192.0.2.7\"% secure=\"true\"/>\n  <allow-access-from domain=\"b.example\"% secure=\"false\"/>\n"},
		"with a port":   {[]string{"https://a.example:8443", "http://localhost:3000"}, "none", ""},
		"no plain name": {[]string{"https://*.example", "https://a\"b", "https://[2001:db8::1]", "https://a<b", "https://%2a.example"}, "none", ""},
	} {
		p := NewPolicyFile(c.origins)
		want := policyHead + "  <site-control permitted-cross-domain-policies=\"" + c.control + "\"/>\n" + strings.ReplaceAll(c.allows, "%", "") + "</cross-domain-policy>\n"
		if got := string(p.HTTP()); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		want = policyHead + strings.ReplaceAll(c.allows, "%", " to-ports=\"1935\"") + "</cross-domain-policy>\n\x00"
		if got := string(p.Socket(1935)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		for method, status := range map[string]int{http.MethodGet: http.StatusOK, http.MethodHead: http.StatusOK, http.MethodPost: http.StatusMethodNotAllowed} {
			w := httptest.NewRecorder()
			p.ServeHTTP(w, httptest.NewRequest(method, PolicyPath, nil))
			if said := w.Body.String(); w.Code != status || method == http.MethodHead && said != "" || method == http.MethodGet && (said != string(p.HTTP()) || w.Header().Get("Content-Type") != "text/x-cross-domain-policy") {
				t.Errorf("%s: %s: %d %v %s", name, method, w.Code, w.Header(), said)
			}
		}
	}
}

// FuzzPolicyFile has an origin be anything: the file is well-formed, and has no asterisk
// but for all.
func FuzzPolicyFile(f *testing.F) {
	for _, one := range []string{"https://a.example", "*", "http://a\"/>", "https://*.b", "https://a:1", "\xff"} {
		f.Add(one)
	}
	f.Fuzz(func(t *testing.T, one string) {
		if _, err := ParseOrigins([]string{one}); err != nil {
			return
		}
		b := NewPolicyFile([]string{one}).HTTP()
		var file struct {
			Allows []struct {
				Domain string `xml:"domain,attr"`
			} `xml:"allow-access-from"`
		}
		if err := xml.Unmarshal(b, &file); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		for _, a := range file.Allows {
			if strings.Contains(a.Domain, "*") != (one == "*") {
				t.Fatalf("%q lets in %q", one, a.Domain)
			}
		}
	})
}
