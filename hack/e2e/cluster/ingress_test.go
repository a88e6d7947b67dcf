//go:build e2e

package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
	networkingv1 "k8s.io/api/networking/v1"

	"flashpod.dev/flashpod/hack/e2e/selfsigned"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// ingressController plays one: an nginx that serves, by HTTP and by TLS, what an
// Ingress says, and nothing under other names. It holds answers back as it does when
// nobody tells it otherwise.
type ingressController struct{ plain, secure string } // host:port

// playIngress starts one for an Ingress. backendOf is where a Service's port is, and
// certificateOf has a Secret's entries.
func playIngress(t *testing.T, in *networkingv1.Ingress, backendOf func(service, port string) string, certificateOf func(secret string) (cert, key []byte)) ingressController {
	t.Helper()
	for range 5 { // a port may be taken before nginx has it
		if c, ok := tryIngress(t, in, backendOf, certificateOf); ok {
			return c
		}
	}
	t.Fatal("nginx does not start")
	return ingressController{}
}

// tryIngress is playIngress; false: nginx has ended at once, and its log says why.
func tryIngress(t *testing.T, in *networkingv1.Ingress, backendOf func(service, port string) string, certificateOf func(secret string) (cert, key []byte)) (ingressController, bool) {
	t.Helper()
	c := ingressController{freePort(t), freePort(t)}
	dir := t.TempDir()
	write := func(name string, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var servers strings.Builder
	if len(in.Spec.TLS) != 1 {
		t.Fatalf("the Ingress has %d certificates", len(in.Spec.TLS))
	}
	cert, key := certificateOf(in.Spec.TLS[0].SecretName)
	write("tls.crt", cert)
	write("tls.key", key)
	for _, r := range in.Spec.Rules {
		fmt.Fprintf(&servers, `
	server { listen %[1]s default_server; listen %[2]s ssl default_server; return 404; }
	server {
		listen %[1]s; listen %[2]s ssl;
		server_name %[3]s;
`, c.plain, c.secure, r.Host)
		for _, p := range r.HTTP.Paths {
			fmt.Fprintf(&servers, `		location %s {
			proxy_pass http://%s;
			proxy_http_version 1.1;
			proxy_set_header Host $host;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $web_connection;
		}
`, p.Path, backendOf(p.Backend.Service.Name, p.Backend.Service.Port.Name))
		}
		servers.WriteString("\t}\n")
	}
	write("nginx.conf", fmt.Appendf(nil, `daemon off;
master_process off;
pid %[1]s/pid;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	ssl_certificate %[1]s/tls.crt;
	ssl_certificate_key %[1]s/tls.key;
	map $http_upgrade $web_connection { default upgrade; "" ""; }
%[2]s}
`, dir, servers.String()))
	nginx := run(t, "nginx", "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", filepath.Join(dir, "nginx.conf"))
	t.Cleanup(func() {
		if t.Failed() {
			said, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Logf("nginx:\n%s", said)
		}
	})
	until(t, patience, "nginx to listen", func() bool { return !nginx.runs() || answers(c.secure) })
	return c, nginx.runs()
}

// answers says whether something listens at an address.
func answers(address string) bool {
	nc, err := net.Dial("tcp", address)
	if err == nil {
		nc.Close()
	}
	return err == nil
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// browser asks for every name at the controller's, and trusts its certificate alone.
func (c ingressController) browser(t *testing.T, cert []byte) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(cert) {
		t.Fatal("the certificate is none")
	}
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			to := c.plain
			if strings.HasSuffix(address, ":443") {
				to = c.secure
			}
			return (&net.Dialer{}).DialContext(ctx, network, to)
		},
	}}
}

// throughIngress watches the stream cam of an instance, and connects to it in a
// WebSocket as a page of the host name does, at the URL that status has.
func throughIngress(t *testing.T, c ingressController, cert []byte, webURL string) {
	t.Helper()
	browser := c.browser(t, cert)
	origin, path, ok := cutURL(webURL)
	if !ok {
		t.Fatalf("webURL is %q", webURL)
	}
	until(t, patience, "the playlist", func() bool {
		answer, err := browser.Get(webURL + "/cam/index.m3u8")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	host := strings.TrimPrefix(origin, "https://")
	plays(t, "https://"+c.secure+path+"/cam/index.m3u8", 25, "-headers", "Host: "+host+"\r\n", "-read_intervals", "%+3")
	answer, err := browser.Get("http://other.example.com" + path + "/cam/index.m3u8")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("under another name: %d", answer.StatusCode)
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "wss://"+host+"/-/rtmp", &websocket.DialOptions{HTTPClient: browser, HTTPHeader: http.Header{"Origin": {origin}}}) //nolint:bodyclose // it is the connection's
	if err != nil {
		t.Fatal(err)
	}
	u, err := rtmp.ParseURL("rtmp://" + host + path + "/cam")
	if err != nil {
		t.Fatal(err)
	}
	conn := rtmp.NewClientConn(websocket.NetConn(ctx, ws, websocket.MessageBinary), rtmp.Config{})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	nc := rtmp.NewNetConnection(conn)
	defer nc.Close()
	if _, err := nc.Connect(ctx, u.ConnectObject()); err != nil {
		t.Errorf("a page of the host name: %v", err)
	}
	if _, _, err := websocket.Dial(ctx, "wss://"+host+"/-/rtmp", &websocket.DialOptions{HTTPClient: browser, HTTPHeader: http.Header{"Origin": {"https://evil.example"}}}); err == nil { //nolint:bodyclose // it is read
		t.Error("a page of another name connects")
	}
}

// cutURL cuts https://host/path.
func cutURL(url string) (origin, path string, ok bool) {
	rest, ok := strings.CutPrefix(url, "https://")
	host, path, found := strings.Cut(rest, "/")
	return "https://" + host, "/" + path, ok && found
}

// certificate makes a Secret with a certificate of a host, and returns both in PEM.
func (w *world) certificate(secret, host string) (cert, key []byte) {
	w.t.Helper()
	cert, key, err := selfsigned.Pair(host)
	if err != nil {
		w.t.Fatal(err)
	}
	dir := w.t.TempDir()
	for name, text := range map[string][]byte{"tls.crt": cert, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	w.kubectl("create", "secret", "tls", secret, "--cert", filepath.Join(dir, "tls.crt"), "--key", filepath.Join(dir, "tls.key"))
	return cert, key
}

// servicePort is where a port of a Service is reached, by its name.
func (w *world) servicePort(service, port string) string {
	return w.kubectl("get", "service", service, "-o", fmt.Sprintf(`jsonpath={.spec.clusterIP}:{.spec.ports[?(@.name==%q)].port}`, port))
}

// An instance with a host name is watched through its Ingress, which nginx serves as an
// Ingress controller would: there is none on this cluster.
func TestWebByTheIngress(t *testing.T) {
	t.Parallel()
	const host = "live.example.com"
	w := newWorld(t, "e2e-ingress")
	cert, key := w.certificate("live-tls", host)
	out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: stage}\n" +
		"spec: {application: live, access: {publish: {mode: Anyone}}, web: {hostname: " + host + ", ingressClassName: nginx, tls: {secretName: live-tls}, plainHTTP: Internal}}")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	url := w.ready("stage")
	publish(t, url+"/cam", lasting)

	in := &networkingv1.Ingress{}
	if err := json.Unmarshal([]byte(w.kubectl("get", "ingress", "stage", "-o", "json")), in); err != nil {
		t.Fatal(err)
	}
	c := playIngress(t, in, w.servicePort, func(secret string) (_, _ []byte) {
		if secret != "live-tls" {
			t.Errorf("the certificate is that of %q", secret)
		}
		return cert, key
	})
	// What is plain goes inside of the cluster alone.
	if ports := w.kubectl("get", "service", "stage", "-o", "jsonpath={.spec.ports[*].name}"); ports != "rtmp" {
		t.Errorf("the Service has the ports %s", ports)
	}
	throughIngress(t, c, cert, w.kubectl("get", "appinstance", "stage", "-o", "jsonpath={.status.webURL}"))
}
