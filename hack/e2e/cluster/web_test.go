//go:build e2e

package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// fetch asks for a page as one of another origin does; status 0: nobody answers.
func fetch(t *testing.T, url, origin string) (status int, mayRead string, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", origin)
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	answer, err := c.Do(r)
	if err != nil {
		return 0, "", err.Error()
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, "", err.Error()
	}
	return answer.StatusCode, answer.Header.Get("Access-Control-Allow-Origin"), string(b)
}

// What is published over RTMP is watched as HLS at the Service's web port, by the pages
// that the manifest names; a host name is an Ingress, and all of it goes again.
func TestWebByTheService(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "e2e-web")
	w.applySample("web.yaml")
	url := w.ready("stage")
	webURL := func() string { return w.kubectl("get", "appinstance", "stage", "-o", "jsonpath={.status.webURL}") }
	web := webURL()
	if web != "http"+strings.TrimPrefix(url, "rtmp") || !strings.HasSuffix(web, "/live/stage") {
		t.Fatalf("webURL is %q, url %q", web, url)
	}
	publish(t, url+"/cam?key="+w.key("stage"), lasting)
	playlist := web + "/cam/index.m3u8"
	until(t, patience, "the playlist", func() bool {
		status, mayRead, body := fetch(t, playlist, "https://example.org")
		return status == http.StatusOK && mayRead == "https://example.org" && strings.HasPrefix(body, "#EXTM3U")
	})
	if _, mayRead, _ := fetch(t, playlist, "https://evil.example"); mayRead != "" {
		t.Errorf("pages of %s may read the playlist", mayRead)
	}
	plays(t, playlist, 25, "-read_intervals", "%+3")
	sdk := strings.TrimSuffix(web, "/live/stage") + "/-/sdk/flashpod.js"
	if status, _, _ := fetch(t, sdk, "https://example.org"); status != http.StatusOK {
		t.Errorf("%s: %d", sdk, status)
	}

	// A class, a certificate and a port come without a restart, a host name with one.
	w.kubectl("patch", "appinstance", "stage", "--type", "merge", "--patch",
		`{"spec":{"web":{"hostname":"live.example.com","ingressClassName":"nginx","tls":{"secretName":"live-tls"}}}}`)
	until(t, patience, "the host name", func() bool { return webURL() == "https://live.example.com/live/stage" })
	const rule = `{.spec.ingressClassName} {.spec.rules[0].host} {.spec.rules[0].http.paths[0].backend.service.name}:{.spec.rules[0].http.paths[0].backend.service.port.name} {.spec.tls[0].secretName}`
	if got := w.kubectl("get", "ingress", "stage", "-o", "jsonpath="+rule); got != "nginx live.example.com stage:web live-tls" {
		t.Errorf("the Ingress is %q", got)
	}
	// Its certificate is not there, which is told, and is taken when it comes.
	w.waitReason("stage", "False CertificateMissing")
	w.certificate("live-tls", "live.example.com")
	w.ready("stage")
	began := time.Now()
	w.kubectl("patch", "appinstance", "stage", "--type", "merge", "--patch", `{"spec":{"web":null}}`)
	until(t, patience, "the Ingress to go", func() bool {
		return webURL() == "" && w.kubectl("get", "ingress", "-o", "name") == ""
	})
	w.ready("stage")
	until(t, patience, "the port to be closed", func() bool { return !reached("rtmp://" + hostOf(web) + ":80/x") })
	t.Logf("taken back after %v", time.Since(began).Round(100*time.Millisecond))
}

// hostOf is the host of a URL without a port.
func hostOf(url string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	return host
}

// Where RTMPS is on, its port serves HTTPS, too: webURL is that, and a browser that
// trusts the certificate watches there. Plain HTTP is inside of the cluster alone.
func TestWebByHTTPS(t *testing.T) {
	t.Parallel()
	const host = "safe.example.com"
	w := newWorld(t, "e2e-https")
	cert, _ := w.certificate("safe-tls", host)
	if out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: safe}\n" +
		"spec: {application: live, access: {publish: {mode: Anyone}}, tls: {secretName: safe-tls}, web: {plainHTTP: Internal}}"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	url := w.ready("safe")
	web := w.kubectl("get", "appinstance", "safe", "-o", "jsonpath={.status.webURL}")
	if rest, ok := strings.CutPrefix(url, "rtmps://"); !ok || web != "https://"+rest {
		t.Fatalf("webURL is %q, url %q", web, url)
	}
	publish(t, url+"/cam", lasting)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	browser := &http.Client{Timeout: patience, Transport: &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12}}}
	until(t, patience, "the playlist", func() bool {
		answer, err := browser.Get(web + "/cam/index.m3u8")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	plays(t, web+"/cam/index.m3u8", 25, "-read_intervals", "%+3")
	plays(t, url+"/cam", 25, "-read_intervals", "%+2") // RTMPS on the same port
	if reached("rtmp://" + hostOf("http://"+strings.TrimPrefix(web, "https://")) + ":80/x") {
		t.Error("the load balancer carries plain HTTP")
	}
}

// The console shows who has its token what runs, past a port-forward as a person makes
// one; no Service of the instance leads there.
func TestConsoleByPortForward(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "e2e-console")
	if out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: shown}\nspec: {application: live}"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	url := w.ready("shown")
	to := w.forward("shown-0", "8080")
	session := func(token string) (status int, body string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+to+"/-/console/api/session", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("X-Flashpod-Console", "1")
		r.Header.Set("Origin", "http://"+to)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err.Error()
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			return 0, err.Error()
		}
		return answer.StatusCode, string(b)
	}
	token := func(role string) string {
		return w.kubectl("get", "secret", "shown-console", "-o", "go-template={{.data."+role+" | base64decode}}")
	}
	for _, role := range []string{"viewer", "admin"} {
		status, body := 0, ""
		until(t, patience, "the console to let a "+role+" in", func() bool {
			status, body = session(token(role))
			return status != 0
		})
		if status != http.StatusOK || !strings.Contains(body, `"role":"`+role+`"`) {
			t.Errorf("%s: %d %s", role, status, body)
		}
	}
	if status, body := session("a-token-of-nobody"); status != http.StatusUnauthorized {
		t.Errorf("without its token: %d %s", status, body)
	}
	// One that is written into the Secret is taken within seconds, and restarts nothing.
	uid := w.kubectl("get", "pod", "shown-0", "-o", "jsonpath={.metadata.uid}")
	w.kubectl("patch", "secret", "shown-console", "--patch", `{"stringData":{"viewer":"another-token-for-viewers"}}`)
	until(t, patience, "the new token", func() bool { status, _ := session("another-token-for-viewers"); return status == http.StatusOK })
	if w.kubectl("get", "pod", "shown-0", "-o", "jsonpath={.metadata.uid}") != uid {
		t.Error("the server was restarted for it")
	}
	if reached("rtmp://" + hostOf("http://"+strings.TrimPrefix(url, "rtmp://")) + ":8080/x") {
		t.Error("the load balancer carries the control port")
	}
}
