package script_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/script/outgoing"
)

// gateway is one of Flash Remoting, with services that tests know. It notes what it is sent.
type gateway struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func newGateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{}
	g.Server = httptest.NewServer(g)
	t.Cleanup(func() {
		g.CloseClientConnections()
		g.Close()
	})
	return g
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if r.URL.Path == "/page" {
		fmt.Fprint(w, "<html>Fatal error</html>")
		return
	}
	if r.URL.Path == "/gone" {
		http.NotFound(w, r)
		return
	}
	in, err := script.ReadEnvelope(body, 1<<20)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := script.Envelope{}
	note := r.Method + " " + r.URL.RequestURI() + " " + r.Header.Get("Content-Type")
	for _, h := range in.Headers {
		note += fmt.Sprintf(" %s/%v=%s", h.Name, h.Must, text(h.Value))
	}
	for _, b := range in.Bodies {
		note += fmt.Sprintf(" %s%s", b.Target, text(b.Value))
		out = g.serve(b, out)
	}
	g.mu.Lock()
	g.seen = append(g.seen, note)
	g.mu.Unlock()
	answer, err := script.AppendEnvelope(nil, out)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/x-amf")
	if r.URL.Path == "/cut" {
		answer = answer[:len(answer)-3]
	}
	_, _ = w.Write(answer) // whoever asked may have gone
}

func (g *gateway) serve(b script.EnvelopeBody, out script.Envelope) script.Envelope {
	args := b.Value.(*amf.Array).Items
	answer := func(how string, v amf.Value) {
		out.Bodies = append(out.Bodies, script.EnvelopeBody{Target: b.Response + how, Response: "null", Value: v})
	}
	switch b.Target {
	case "users.echo":
		answer("/onResult", amf.NewArray(args...))
	case "users.session":
		out.Headers = append(out.Headers, script.EnvelopeHeader{Name: "AppendToGatewayUrl", Value: "?session=7"},
			script.EnvelopeHeader{Name: "RequestPersistentHeader", Value: amf.NewObject("name", "ticket", "mustUnderstand", true, "data", "t")})
		answer("/onResult", "ok")
	case "users.strict":
		out.Headers = append(out.Headers, script.EnvelopeHeader{Name: "Unheard", Must: true, Value: "x"})
		answer("/onResult", "ok")
	case "users.silent":
	case "users.query":
		answer("/onResult", &amf.Object{Class: "RecordSet", Properties: []amf.Property{{Name: "serverInfo", Value: amf.NewObject(
			"totalCount", 2.0, "columnNames", amf.NewArray("id", "name"), "initialData", amf.NewArray(amf.NewArray(1.0, "A"), amf.NewArray(2.0, "B")),
		)}}})
	case "users.debug":
		answer("/onDebugEvents", amf.NewArray())
		answer("/onResult", "ok")
		out.Bodies = append(out.Bodies, script.EnvelopeBody{Target: "/77/onResult", Value: "nobody's"}, script.EnvelopeBody{Target: "nonsense"})
	default:
		answer("/onStatus", amf.NewObject("level", "error", "code", "SERVER.PROCESSING", "description", "no method "+b.Target))
	}
	return out
}

type remotingCase struct{ name, script, want string }

func runRemoting(t *testing.T, common string, all []remotingCase) {
	t.Helper()
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			g := newGateway(t)
			f := newFake()
			source := fmt.Sprintf("var URL = %q; %s\n%s", g.URL, strings.ReplaceAll(common, "\n", " "), s.script)
			start(t, f, script.Config{Files: files("main.asc", source), Network: network(t, outgoing.Limits{Whole: 10 * time.Second}, "127.0.0.1")})
			f.await(t, "done")
			g.mu.Lock()
			got := strings.ReplaceAll(strings.Join(append(f.all(), g.seen...), "\n"), " \n", "\n")
			g.mu.Unlock()
			if want := lines(s.want); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestNetConnectionToAGateway(t *testing.T) {
	t.Parallel()
	runRemoting(t, `var nc = new NetConnection(); function to(name) { return {
		onResult: function (v) { trace(name + " result " + v); trace("done") },
		onStatus: function (i) { trace(name + " status " + i.code + ": " + i.description + (i.details ? " of " + i.details : "")); trace("done") }} }`, []remotingCase{
		{"a call", `trace(nc.isConnected + " " + nc.connect(URL + "/gw") + nc.isConnected + (nc.uri == URL + "/gw")); trace(nc.call("users.echo", to("echo"), 1, "two", [3, {four: null}]))`, `
			false truetruetrue
			true
			echo result 1,two,3,[object Object]
			done
			POST /gw application/x-amf users.echo[1,two,[3,{four:null}]]`},
		{"several in one envelope, and nobody who waits", `nc.connect(URL + "/gw"); nc.call("users.echo", null, 1); nc.call("users.echo", {onResult: function (v) { trace("b" + v) }}, 2); nc.call("users.nothing", to("c"))`, `
			b2
			c status SERVER.PROCESSING: no method users.nothing
			done
			POST /gw application/x-amf users.echo[1] users.echo[2] users.nothing[]`},
		{"what the gateway wants of later calls", `nc.connect(URL + "/gw"); nc.addHeader("Credentials", false, {userid: "u"}); nc.addHeader("gone", true, 1); nc.addHeader("gone");
			nc.call("users.session", {onResult: function () { nc.call("users.echo", to("second")) }})`, `
			second result
			done
			POST /gw application/x-amf Credentials/false={userid:u} users.session[]
			POST /gw?session=7 application/x-amf Credentials/false={userid:u} ticket/true=t users.echo[]`},
		{"a page instead of an envelope", `nc.connect(URL + "/page"); nc.onStatus = function (i) { trace("nc " + i.code) }; nc.call("a.b", to("x"))`, `
			failed  fatal=false: NetConnection.call("a.b") at main.asc:2: the answer is no envelope of Flash Remoting: see what the gateway says when it is asked by a browser
			nc NetConnection.Call.BadVersion
			x status NetConnection.Call.BadVersion: the answer is no envelope of Flash Remoting: see what the gateway says when it is asked by a browser of a.b
			done`},
		{"a gateway that is not there", `nc.connect(URL + "/gone"); nc.call("a.b", to("x"))`, `
			failed  fatal=false: NetConnection.call("a.b") at main.asc:2: the answer is 404 Not Found
			x status NetConnection.Call.Failed: the answer is 404 Not Found of a.b
			done`},
		{"an envelope that ends too early", `nc.connect(URL + "/cut"); nc.call("users.echo", to("x"), "text")`, `
			failed  fatal=false: NetConnection.call("users.echo") at main.asc:2: "/1/onResult": decode AMF at byte 8: value ends too early: 4 bytes wanted, 1 there
			x status NetConnection.Call.Failed: "/1/onResult": decode AMF at byte 8: value ends too early: 4 bytes wanted, 1 there of users.echo
			done
			POST /cut application/x-amf users.echo[text]`},
		{"no answer to a call", `nc.connect(URL + "/gw"); nc.call("users.silent", to("x"))`, `
			failed  fatal=false: NetConnection.call("users.silent") at main.asc:2: the gateway did not answer it
			x status NetConnection.Call.Failed: the gateway did not answer it of users.silent
			done
			POST /gw application/x-amf users.silent[]`},
		{"a header that must be understood", `nc.connect(URL + "/gw"); nc.call("users.strict", to("x"))`, `
			failed  fatal=false: NetConnection.call("users.strict") at main.asc:2: the answer has a header "Unheard" that must be understood, and is not
			x status NetConnection.Call.Failed: the answer has a header "Unheard" that must be understood, and is not of users.strict
			done
			POST /gw application/x-amf users.strict[]`},
		{"answers to nothing", `nc.connect(URL + "/gw"); nc.call("users.debug", to("x"))`, `
			x result ok
			done
			POST /gw application/x-amf users.debug[]`},
		{"a host that is not allowed", `trace(nc.connect("http://backend/gw")); nc.call("a.b", to("x"))`, `
			true
			failed  fatal=false: NetConnection.call("a.b") at main.asc:2: host backend:80 is not in spec.script.allowedHosts
			x status NetConnection.Call.Failed: host backend:80 is not in spec.script.allowedHosts of a.b
			done`},
		{"closed", `nc.connect(URL + "/gw"); nc.close(); trace(nc.isConnected); trace(nc.call("users.echo", to("x"))); trace(nc.connect()); trace("done")`, `
			false
			false
			false
			done`},
	})
}

func TestNetServices(t *testing.T) {
	t.Parallel()
	runRemoting(t, `load("netservices.asc"); NetServices.setDefaultGatewayUrl(URL + "/gw"); var nc = NetServices.createGatewayConnection();`, []remotingCase{
		{"handlers by the method's name", `var me = {echo_Result: function (v) { trace("echo " + v + (this === me)); users.none() }, none_Status: function (i) { trace(i.description); users.other() },
			onStatus: function (i) { trace("all " + i.description); trace("done") }}; var users = nc.getService("users", me); trace(users.echo(1, 2));`, `
			true
			echo 1,2true
			no method users.none
			all no method users.other
			done
			POST /gw application/x-amf users.echo[1,2]
			POST /gw application/x-amf users.none[]
			POST /gw application/x-amf users.other[]`},
		{"a responder of the call's own", `nc.setCredentials("u", "p"); nc.getService("users").echo({onResult: function (v) { trace(v); trace("done") }}, "x");`, `
			x
			done
			POST /gw application/x-amf Credentials/false={userid:u,password:p} users.echo[x]`},
		{"nobody who handles a failure", `application.onStatus = function (i) { trace("application " + i.description); trace("done") }; nc.getService("users", {}).none()`, `
			application no method users.none
			done
			POST /gw application/x-amf users.none[]`},
		{"a RecordSet", `nc.getService("users", {query_Result: function (r) { trace(r instanceof RecordSet); trace(r.getLength() + r.getItemAt(1).name + r.getColumnNames()); trace("done") }}).query()`, `
			true
			2Bid,name
			done
			POST /gw application/x-amf users.query[]`},
		{"a gateway without a URL", `load("netservices.asc"); NetServices.setDefaultGatewayURL(undefined); trace(NetServices.createGatewayConnection()); trace(String(nc.getService("x", {}))); trace("done")`, `
			failed load fatal=false: NetServices.createGatewayConnection: there is no URL: give one, or call NetServices.setDefaultGatewayUrl before
			null
			[object NetServiceProxy]
			done`},
	})
}

// TestALoginThatPends: a client waits while the script asks a backend, and hears the reason.
func TestALoginThatPends(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	f := newFake()
	h := start(t, f, script.Config{Files: files("main.asc", fmt.Sprintf(`load("NetServices.asc");
		application.onAppStart = function () { this.gw = NetServices.createGatewayConnection(%q) };
		application.onConnect = function (client, ticket) {
			var users = this.gw.getService("users", {
				echo_Result: function (v) { if (v[0] == "good") application.acceptConnection(client); else application.rejectConnection(client, {message: "no " + v[0]}) }
			});
			users.echo(ticket);
		}`, g.URL+"/gw")), Network: network(t, outgoing.Limits{}, "127.0.0.1")})
	h.Connect(newClient("a"), []amf.Value{"good"})
	h.Connect(newClient("b"), []amf.Value{"bad"})
	f.await(t, "accept a")
	f.await(t, "reject b {message:no bad}")
}

// TestCheckOfRemoting: what load("netservices.asc") defines lacks nowhere.
func TestCheckOfRemoting(t *testing.T) {
	t.Parallel()
	got, err := script.Check("app", files("main.asc", `load("netservices.asc"); NetServices.createGatewayConnection("http://x/").getService("a", this);`), nil)
	if err != nil || len(got.Lacking) > 0 {
		t.Errorf("%v, %v", got.Lacking, err)
	}
	if got, err = script.Check("app", files("main.asc", `NetServices.createGatewayConnection("http://x/")`), nil); err != nil || len(got.Lacking) != 1 {
		t.Errorf("%v, %v", got.Lacking, err)
	}
}
