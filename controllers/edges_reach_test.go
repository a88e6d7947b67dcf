package controllers

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/routing"
)

// other is another AppInstance of the namespace, with the keys of its links.
func other(name, keys string, admits ...string) reachable {
	a := &v1alpha1.AppInstance{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid-of-" + name)}, Spec: v1alpha1.AppInstanceSpec{Edges: &v1alpha1.Edges{}}}
	for _, from := range admits {
		a.Spec.Edges.AllowFrom = append(a.Spec.Edges.AllowFrom, v1alpha1.EdgesFrom{Name: from})
	}
	yes := true
	link := &corev1.Secret{Data: map[string][]byte{linkEntry: []byte(keys)}}
	link.Name = name + "-link"
	link.OwnerReferences = []metav1.OwnerReference{{Name: name, UID: a.UID, Controller: &yes}}
	return reachable{name: name, instance: a, link: link}
}

// Edges are told of those that let them in, and show each a key that is for this pair alone.
func TestEdgesReachOthers(t *testing.T) {
	o := observe(t, "{application: a, edges: {mayReach: [{name: bar, hosts: [Bar.example.com, attic]}, {name: attic}, {name: gone}, {name: shut}, {name: lobby}]}}")
	shut := other("shut", "key-of-shut", "others")
	o.edges.reachable = []reachable{other("bar", "new-key-of-bar\nold-key-of-bar\n", "lobby"), other("attic", "key-of-attic", "lobby"), {name: "gone"}, shut, {name: "lobby"}}
	all := children(t, o)
	d := text(t, all["Deployment lobby-edge"])
	for _, want := range []string{"- --edge-may-reach-file\n        - /run/secrets/reach/origins\n", "secretName: lobby-reach", "key: origins"} {
		if !strings.Contains(d, want) {
			t.Errorf("edges lack %q", want)
		}
	}
	if set := text(t, all["StatefulSet lobby"]); strings.Contains(set, "reach") {
		t.Error("the origin is told of what its edges may reach")
	}
	links := linkSecret(o.instance, nil, "key", o.now)
	s, err := reachSecret(o, links)
	if err != nil {
		t.Fatal(err)
	}
	is, err := routing.ParseReach(s.Data[entryOrigins])
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range is.Origins {
		got = append(got, strings.Join(r.Hosts, ",")+"="+r.Origin)
	}
	want := []string{
		"bar.example.com:1935,attic:1935,bar:1935,bar.ns:1935,bar.ns.svc:1935=bar-origin.ns.svc:1937",
		"attic.ns:1935,attic.ns.svc:1935=attic-origin.ns.svc:1937",
		"lobby:1935,lobby.ns:1935,lobby.ns.svc:1935=lobby-origin.ns.svc:1937",
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%q", got)
	}
	if is.Origins[2].LinkKey != "" {
		t.Error("an edge shows its own origin the key of another")
	}
	if strings.Contains(string(s.Data[entryOrigins]), "key-of-") || s.Data[entryGuests] != nil {
		t.Errorf("%s", s.Data)
	}
	v := reachVerdict(o)
	if !v.stalled || v.reason != "OriginMissing" || !strings.Contains(v.message, "no AppInstance gone") || !strings.Contains(v.message, "AppInstance shut does not let edges of lobby in: add {name: lobby} to its spec.edges.allowFrom") {
		t.Errorf("%+v", v)
	}

	// The other end takes those keys, from those edges.
	bar := observe(t, "{application: a, edges: {allowFrom: [{name: lobby}, {name: hall}]}}")
	bar.instance.Name = "bar"
	links = linkSecret(bar.instance, nil, "new-key-of-bar", bar.now)
	taken, err := reachSecret(bar, links)
	if err != nil {
		t.Fatal(err)
	}
	keys, shown := strings.Fields(string(taken.Data[entryGuests])), strings.Fields(is.Origins[0].LinkKey)
	if len(keys) != 2 || len(shown) != 2 || keys[0] != shown[0] || keys[1] == keys[0] {
		t.Errorf("%q are taken, and %q shown", keys, shown)
	}
	all = children(t, bar)
	if set := text(t, all["StatefulSet bar"]); !strings.Contains(set, "- --link-guest-key-file\n        - /run/secrets/reach/guests\n") || !strings.Contains(set, "key: guests") {
		t.Errorf("the origin takes no keys of others:\n%s", set)
	}
	if d := text(t, all["Deployment bar-edge"]); strings.Contains(d, "reach") {
		t.Error("edges are told whose edges their origin lets in")
	}
	policy := text(t, all["NetworkPolicy bar"])
	for _, name := range []string{"bar", "lobby", "hall"} {
		if !strings.Contains(policy, "app.kubernetes.io/component: edge\n          app.kubernetes.io/instance: "+name+"\n") {
			t.Errorf("edges of %s do not get through:\n%s", name, policy)
		}
	}
}

// What is said of one that is not reached names the reason and the way out.
func TestReachVerdict(t *testing.T) {
	const spec = "{application: a, edges: {mayReach: [{name: bar}]}}"
	late, strange, deleted := other("bar", "", "lobby"), other("bar", "key", "lobby"), other("bar", "key", "lobby")
	strange.link.OwnerReferences[0].UID = "of another"
	deleted.instance.DeletionTimestamp = &metav1.Time{}
	without := other("bar", "key")
	without.instance.Spec.Edges = nil
	for want, c := range map[string]reachable{
		"True Reached": other("bar", "key", "lobby"), "False KeyPending": late, "False OriginMissing": deleted, "False NotAllowed": without,
	} {
		o := observe(t, spec)
		o.edges.reachable = []reachable{c}
		if v := reachVerdict(o); string(v.status)+" "+v.reason != want || v.message == "" {
			t.Errorf("%+v, want %s", v, want)
		}
	}
	o := observe(t, spec)
	o.edges.reachable = []reachable{strange}
	if v := reachVerdict(o); v.reason != "KeyPending" || v.stalled {
		t.Errorf("a Secret of somebody else: %+v", v)
	}
	if v := reachVerdict(observe(t, "{application: a, edges: {}}")); !v.none() {
		t.Errorf("%+v", v)
	}

	// Where nobody may be reached any more, nothing of it is left.
	o = observe(t, "{application: a, edges: {}}")
	if s, err := reachSecret(o, nil); err != nil || s != nil {
		t.Errorf("%v, %v", s, err)
	}
	o.edges.standing.reach = ours
	if s, err := reachSecret(o, nil); err != nil || s == nil || len(s.Data) != 0 {
		t.Errorf("%v, %v", s, err)
	}
}
