package controllers

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"flashpod.dev/flashpod/api/v1alpha1/manifest"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/server"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// A pod holds addresses to their bound where they are those of clients, and not
// where kube-proxy has put nodes' in their place, but for a bound that its user has
// set: the media server itself reads its document, and clients come.
func TestAddressesThatPodsSee(t *testing.T) {
	t.Parallel()
	const places, half, all = 40, 20, 24 // an address has half of the places at most
	for _, c := range []struct {
		kind, policy, limit string
		served              int // of all
	}{
		{"LoadBalancer", "Local", "", half},
		{"LoadBalancer", "Local", "3", 3},
		{"LoadBalancer", "Local", "0", all},
		{"LoadBalancer", "Cluster", "", all},
		{"LoadBalancer", "Cluster", "1000", all}, // which is the default, and the API server writes it
		{"LoadBalancer", "Cluster", "3", 3},
		{"LoadBalancer", "Cluster", "0", all},
		{"NodePort", "Local", "", half},
		{"NodePort", "Cluster", "", all},
		{"NodePort", "Cluster", "3", 3},
		{"ClusterIP", "Local", "", half},
		{"ClusterIP", "Cluster", "", half}, // pods come with addresses of their own
		{"ClusterIP", "Cluster", "3", 3},
	} {
		t.Run(fmt.Sprintf("%s %s %q", c.kind, c.policy, c.limit), func(t *testing.T) {
			t.Parallel()
			spec := fmt.Sprintf("{application: a, service: {type: %s, externalTrafficPolicy: %s}", c.kind, c.policy)
			if c.limit != "" {
				spec += ", limits: {maxConnectionsPerAddress: " + c.limit + "}"
			}
			s := serveDocument(t, documentOf(t, spec+"}"), places)
			served := 0
			for range all {
				if clientOf(t, s) {
					served++
				}
			}
			if refused := int(s.Refused()["too many connections of an address"]); served != c.served || served+refused != all {
				t.Errorf("of %d clients of one address %d are served and %d refused for that, want %d served", all, served, refused, c.served)
			}
		})
	}
}

func documentOf(t *testing.T, spec string) string {
	t.Helper()
	doc, err := document(observe(t, spec).instance)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// serveDocument serves a document as a pod does.
func serveDocument(t *testing.T, doc string, places int) *server.Server {
	t.Helper()
	docs, err := manifest.Load(strings.NewReader(doc), "document")
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{Data: t.TempDir(), RTMPAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", MaxConnections: places}, docs)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// clientOf connects to a server until the test ends, and says whether it is let
// in.
func clientOf(t *testing.T, s *server.Server) bool {
	t.Helper()
	conn, _, err := rtmp.Dial(t.Context(), "rtmp://"+s.RTMPAddr().String()+"/x", rtmp.Config{})
	if err != nil {
		return false // of those for whom there is no place, a few at once are told so
	}
	c := servertest.NewClient(t, conn, func(m *rtmp.Message) string {
		if m.Type != rtmp.TypeCommand {
			return ""
		}
		return servertest.Word(m)
	})
	c.Connect("a/lobby")
	word, _ := c.Next()
	return word == servertest.Success
}

// Whatever is asked of a Service, a media server of 3dc204b can read the document:
// nothing else is in it than its schema has.
func TestDocumentsOfServicesAreReadByAnyServer(t *testing.T) {
	b, err := os.ReadFile("../api/v1alpha1/manifest/testdata/crd-3dc204b.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(b, &crd); err != nil || len(crd.Spec.Versions) != 1 {
		t.Fatal(err)
	}
	schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	for service, told := range map[string]bool{ // whether the document says whose addresses are seen
		"{}": false, "{type: NodePort, port: 1999}": false, "{type: ClusterIP, externalTrafficPolicy: Cluster}": false,
		"{externalTrafficPolicy: Cluster}": true,
		"{type: NodePort, externalTrafficPolicy: Cluster, port: 1999, annotations: {a: b}, ipFamilies: [IPv6]}": true,
	} {
		text := documentOf(t, "{application: a, service: "+service+"}")
		var doc map[string]any
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		delete(doc, "metadata") // which has no schema
		if field := unknown(schema, doc); field != "" {
			t.Errorf("%s: a media server of 3dc204b refuses %s of\n%s", service, field, text)
		}
		if strings.Contains(text, "service:") != told {
			t.Errorf("%s: the document is\n%s", service, text)
		}
	}
	if unknown(schema, map[string]any{"spec": map[string]any{"limits": map[string]any{"maxConnectionsPerAddress": 0}}}) == "" {
		t.Error("nothing is found that is unknown: this test says nothing")
	}
}

// unknown is a field that a schema does not have; "" when it has all.
func unknown(schema map[string]any, fields map[string]any) string {
	has, _ := schema["properties"].(map[string]any)
	for name, value := range fields {
		of, ok := has[name].(map[string]any)
		if !ok {
			return name
		}
		if inner, ok := value.(map[string]any); ok {
			if field := unknown(of, inner); field != "" {
				return name + "." + field
			}
		}
	}
	return ""
}
