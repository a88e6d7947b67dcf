//go:build e2e

package cluster

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"flashpod.dev/flashpod/hack/e2e/gatewayapi"
)

// An instance waits, and says for what, while the cluster has no Gateway API; once it
// has, there is an HTTPRoute to the web's port. No controller of Gateways is on this
// cluster: the test plays one that takes the route, and asks the Service that it leads to.
func TestWebByTheGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "e2e-gateway")
	if out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: stage}\n" +
		"spec: {application: live, access: {publish: {mode: Anyone}}, web: {hostname: live.example.com, gatewayRef: {name: public, namespace: gateways}, tls: {}, plainHTTP: Internal}}"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.waitReason("stage", "False GatewayAPIMissing")
	url := "rtmp://" + w.address("stage") + "/live/stage"
	until(t, patience, "RTMP, which waits for no Gateway", func() bool { return reached(url) })
	publish(t, url+"/cam", lasting)

	files, err := gatewayapi.Files(gatewayapi.HTTPRoutes)
	if err != nil {
		t.Fatal(err)
	}
	w.kubectl("apply", "--server-side", "-f", files[0])
	t.Cleanup(func() { w.kubectl("delete", "-f", files[0]) })
	w.kubectl("wait", "crd", "httproutes.gateway.networking.k8s.io", "--for=condition=Established", "--timeout=2m")
	w.kubectl("annotate", "appinstance", "stage", "example.org/look=now") // or within a minute
	w.waitReason("stage", "False RoutePending")
	route := &gatewayv1.HTTPRoute{}
	if err := json.Unmarshal([]byte(w.kubectl("get", "httproute", "stage", "-o", "json")), route); err != nil {
		t.Fatal(err)
	}
	w.kubectl("patch", "httproute", "stage", "--subresource", "status", "--type", "merge", "--patch", fmt.Sprintf(
		`{"status":{"parents":[{"parentRef":{"name":"public","namespace":"gateways"},"controllerName":"example.org/e2e","conditions":[`+
			`{"type":"Accepted","status":"True","reason":"Accepted","message":"","observedGeneration":%[1]d,"lastTransitionTime":"2026-01-01T00:00:00Z"},`+
			`{"type":"ResolvedRefs","status":"True","reason":"ResolvedRefs","message":"","observedGeneration":%[1]d,"lastTransitionTime":"2026-01-01T00:00:00Z"}]}]}}`, route.Generation))
	w.waitReason("stage", "True Serving")
	if got := w.kubectl("get", "appinstance", "stage", "-o", "jsonpath={.status.webURL}"); got != "https://live.example.com/live/stage" {
		t.Errorf("webURL is %q", got)
	}

	to := route.Spec.Rules[0].BackendRefs[0]
	address := w.kubectl("get", "service", string(to.Name), "-o", "jsonpath={.spec.clusterIP}")
	playlist := fmt.Sprintf("http://%s:%d/live/stage/cam/index.m3u8", address, *to.Port)
	until(t, patience, "the playlist where the route leads to", func() bool {
		status, _, body := fetch(t, playlist, "https://live.example.com")
		return status == 200 && strings.HasPrefix(body, "#EXTM3U")
	})
	w.kubectl("patch", "appinstance", "stage", "--type", "merge", "--patch", `{"spec":{"web":null}}`)
	until(t, patience, "the HTTPRoute and its Service to go", func() bool {
		return w.kubectl("get", "httproutes", "-o", "name") == "" && !strings.Contains(w.kubectl("get", "services", "-o", "name"), "stage-http")
	})
}
