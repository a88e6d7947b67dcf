package controllers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/routing"
)

// An edge's clients may name another AppInstance of the namespace as their origin, where both
// owners say so: spec.edges.mayReach of the one, and spec.edges.allowFrom of the other. The
// two have a key for that in common, which is made of the other's own and of the name of the
// one: it is for one pair, says nothing of the other's key, and goes with it when it is
// replaced. Each has a Secret of its own, so that none mounts what is the other's.

const (
	// entryOrigins of the Secret is what edges are told: see routing.Reach. entryGuests has
	// the keys, one a line, that edges of others show the origin.
	entryOrigins = "origins"
	entryGuests  = "guests"

	volumeReach = "reach"
	pathReach   = "/run/secrets/reach"

	// indexReach finds AppInstances by those that their edges may reach.
	indexReach = "reach"
)

func reachName(a *v1alpha1.AppInstance) string { return a.Name + "-reach" }

func mayReach(a *v1alpha1.AppInstance) bool {
	return a.Spec.Edges != nil && len(a.Spec.Edges.MayReach) > 0
}

func hasGuests(a *v1alpha1.AppInstance) bool {
	return a.Spec.Edges != nil && len(a.Spec.Edges.AllowFrom) > 0
}

// reachable is an AppInstance that clients may name. What is not there is nil.
type reachable struct {
	name     string
	instance *v1alpha1.AppInstance
	link     *corev1.Secret
}

// gatherReach reads the AppInstances that clients may name, and their keys.
func (r *Reconciler) gatherReach(o *observed, read func(string, client.Object, ...client.Reader) bool) {
	a := o.instance
	if a.Spec.Edges == nil {
		return
	}
	o.edges.reach = found(read, reachName(a), &corev1.Secret{}, r.APIReader)
	for _, to := range a.Spec.Edges.MayReach {
		one := reachable{name: to.Name}
		if to.Name != a.Name {
			one.instance = found(read, to.Name, &v1alpha1.AppInstance{}, r.Client)
			if one.instance != nil && one.instance.Spec.Edges.Admits(a.Name) {
				one.link = found(read, linkName(one.instance), &corev1.Secret{}, r.APIReader)
			}
		}
		o.edges.reachable = append(o.edges.reachable, one)
	}
}

// guestKey is the key that edges of the AppInstance of a name show the origin whose links have
// another.
func guestKey(of, name string) string {
	h := hmac.New(sha256.New, []byte(of))
	h.Write([]byte("edges of " + name))
	return hex.EncodeToString(h.Sum(nil))
}

// verdict says whether edges of an AppInstance reach another, with the keys that they show.
func (to *reachable) verdict(a *v1alpha1.AppInstance) (keys []string, v verdict) {
	switch {
	case to.name == a.Name:
		return nil, good("Reached", "clients may name "+to.name)
	case to.instance == nil || to.instance.DeletionTimestamp != nil:
		return nil, stalled("OriginMissing", fmt.Sprintf("there is no AppInstance %s in this namespace: make it, or leave it out of spec.edges.mayReach", to.name))
	case !to.instance.Spec.Edges.Admits(a.Name):
		return nil, stalled("NotAllowed", fmt.Sprintf("AppInstance %s does not let edges of %s in: add {name: %s} to its spec.edges.allowFrom, or leave it out of spec.edges.mayReach", to.name, a.Name, a.Name))
	case to.link == nil || !metav1.IsControlledBy(to.link, to.instance):
		return nil, coming("KeyPending", fmt.Sprintf("AppInstance %s lets edges of %s in, and has no keys of links yet (Secret %s)", to.name, a.Name, linkName(to.instance)))
	}
	all, _, _ := linkKeysOf(to.link)
	for _, key := range all {
		keys = append(keys, guestKey(key, a.Name))
	}
	if len(keys) == 0 {
		return nil, coming("KeyPending", fmt.Sprintf("AppInstance %s lets edges of %s in, and has no keys of links yet (Secret %s is empty)", to.name, a.Name, to.link.Name))
	}
	return keys, good("Reached", "clients may name "+to.name)
}

// reachVerdict says whether edges reach all that their clients may name; none where they may
// name nobody.
func reachVerdict(o *observed) verdict {
	a := o.instance
	if !mayReach(a) {
		return verdict{}
	}
	var names, wrong []string
	first := verdict{}
	for i := range o.edges.reachable {
		to := &o.edges.reachable[i]
		switch _, v := to.verdict(a); {
		case v.ok():
			names = append(names, to.name)
		default:
			if first.none() || v.stalled && !first.stalled {
				first = v
			}
			wrong = append(wrong, v.message)
		}
	}
	if !first.none() {
		first.message = strings.Join(wrong, "; ")
		return first
	}
	return good("Reached", "clients of the edges may name as their origin: "+strings.Join(names, ", "))
}

// reach is what edges are told: those AppInstances that let them in, each host once. A host
// that the user has said goes before what another is called anyway.
func (o *observed) reach() (string, error) {
	a := o.instance
	origins, taken := make([]routing.Reached, len(a.Spec.Edges.MayReach)), map[string]bool{}
	add := func(i int, hosts ...string) error {
		for _, host := range hosts {
			named, err := routing.ReachedAs(host)
			if err != nil {
				return fmt.Errorf("spec.edges.mayReach %s: %w", a.Spec.Edges.MayReach[i].Name, err)
			}
			if !taken[named] {
				origins[i].Hosts = append(origins[i].Hosts, named)
			}
			taken[named] = true
		}
		return nil
	}
	for i, to := range a.Spec.Edges.MayReach {
		if err := add(i, to.Hosts...); err != nil {
			return "", err
		}
	}
	is := routing.Reach{Origins: []routing.Reached{}}
	for i, to := range a.Spec.Edges.MayReach {
		keys, v := o.edges.reachable[i].verdict(a)
		if !v.ok() {
			continue
		}
		if err := add(i, to.Name, to.Name+"."+a.Namespace, to.Name+"."+a.Namespace+".svc"); err != nil {
			return "", err
		}
		one := &origins[i]
		one.Origin = edgeOrigin(&v1alpha1.AppInstance{ObjectMeta: metav1.ObjectMeta{Namespace: a.Namespace, Name: to.Name}})
		one.LinkKey = strings.Join(keys, " ")
		if len(one.Hosts) > 0 {
			is.Origins = append(is.Origins, *one)
		}
	}
	text, err := json.Marshal(is)
	return string(text), err
}

// reachSecret has what edges are told, and the keys of edges of others, made of those that
// links are to have; nil where there is neither, nor was.
func reachSecret(o *observed, links *corev1ac.SecretApplyConfiguration) (*corev1ac.SecretApplyConfiguration, error) {
	a := o.instance
	if !mayReach(a) && !hasGuests(a) && o.edges.standing.reach != ours {
		return nil, nil
	}
	s := corev1ac.Secret(reachName(a), a.Namespace).WithLabels(labels(a)).WithOwnerReferences(owner(a))
	if mayReach(a) {
		text, err := o.reach()
		if err != nil {
			return nil, err
		}
		s.WithData(map[string][]byte{entryOrigins: []byte(text)})
	}
	if hasGuests(a) && links != nil {
		var text strings.Builder
		for _, from := range a.Spec.Edges.AllowFrom {
			for key := range strings.FieldsSeq(string(links.Data[linkEntry])) {
				text.WriteString(guestKey(key, from.Name) + "\n")
			}
		}
		s.WithData(map[string][]byte{entryGuests: []byte(text.String())})
	}
	return s, nil
}

// reachVolume has one entry of the Secret.
func reachVolume(a *v1alpha1.AppInstance, entry string) *corev1ac.VolumeApplyConfiguration {
	return corev1ac.Volume().WithName(volumeReach).WithSecret(corev1ac.SecretVolumeSource().
		WithSecretName(reachName(a)).WithDefaultMode(0o440).
		WithItems(corev1ac.KeyToPath().WithKey(entry).WithPath(entry)))
}

// reachArgs has a container read one entry of the Secret.
func reachArgs(c *corev1ac.ContainerApplyConfiguration, flag, entry string) {
	c.WithArgs(flag, pathReach+"/"+entry)
	c.WithVolumeMounts(corev1ac.VolumeMount().WithName(volumeReach).WithMountPath(pathReach).WithReadOnly(true))
}

// guestPeers are the edges of other AppInstances that may link to the origin.
func guestPeers(a *v1alpha1.AppInstance) (all []*networkingv1ac.NetworkPolicyPeerApplyConfiguration) {
	if a.Spec.Edges == nil {
		return nil
	}
	for _, from := range a.Spec.Edges.AllowFrom {
		of := edgeSelector(&v1alpha1.AppInstance{ObjectMeta: metav1.ObjectMeta{Name: from.Name}})
		all = append(all, networkingv1ac.NetworkPolicyPeer().WithPodSelector(podsWith(of)))
	}
	return all
}

// reachesOf are the names of the AppInstances that an AppInstance's edges may reach.
func reachesOf(o client.Object) (names []string) {
	a, ok := o.(*v1alpha1.AppInstance)
	if !ok || a.Spec.Edges == nil {
		return nil
	}
	for _, to := range a.Spec.Edges.MayReach {
		names = append(names, to.Name)
	}
	return names
}

// reachers are the AppInstances whose edges may reach one.
func (r *Reconciler) reachers(ctx context.Context, o client.Object) []ctrl.Request {
	return r.usersBy(indexReach)(ctx, o)
}
