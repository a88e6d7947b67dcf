package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/yaml"

	"flashpod.dev/flashpod/api/v1alpha1"
)

const documentFile = "instance.yaml"

// document is what the pod serves: the AppInstance as far as it concerns a
// media server. What only Kubernetes cares about is left out, so that a change
// of it restarts no pod, and so is what has its default and was not there in
// 3dc204b: a media server of that age, which spec.image may name, refuses fields
// that it does not know. Of the Service it has whose addresses the server sees,
// in the words that a media server of that age can read, too.
func document(a *v1alpha1.AppInstance) (string, error) {
	access := a.Spec.Access
	if d := access.Publish.PreviousKeyFor; d != nil && d.Duration == time.Hour || access.Publish.Mode != v1alpha1.PublishKey {
		access.Publish.PreviousKeyFor = nil
	}
	if access.Play.Mode == v1alpha1.PlayAnyone {
		access.Play.Mode = ""
	}
	if access.Publish.TakeOver == v1alpha1.TakeOverWhenSilent {
		access.Publish.TakeOver = ""
	}
	defaults := (&v1alpha1.AppInstance{}).DeepCopy()
	defaults.SetDefaults()
	limits := a.Spec.Limits
	for _, limit := range []struct {
		is **int32
		by *int32 // default
	}{
		{&limits.MaxInstances, defaults.Spec.Limits.MaxInstances},
		{&limits.MaxConnections, defaults.Spec.Limits.MaxConnections},
		{&limits.MaxConnectionsPerAddress, defaults.Spec.Limits.MaxConnectionsPerAddress},
		{&limits.MaxStreams, defaults.Spec.Limits.MaxStreams},
		{&limits.MaxMessageSize, defaults.Spec.Limits.MaxMessageSize},
		{&limits.MaxSharedObjects, defaults.Spec.Limits.MaxSharedObjects},
		{&limits.MaxSharedObjectSlots, defaults.Spec.Limits.MaxSharedObjectSlots},
		{&limits.MaxSharedObjectSize, defaults.Spec.Limits.MaxSharedObjectSize},
		{&limits.MaxSlotSize, defaults.Spec.Limits.MaxSlotSize},
	} {
		if equal(*limit.is, limit.by) {
			*limit.is = nil
		}
	}
	if most := limits.MaxSharedObjectsTotalSize; most != nil && most.Cmp(*defaults.Spec.Limits.MaxSharedObjectsTotalSize) == 0 {
		limits.MaxSharedObjectsTotalSize = nil
	}
	idle := a.Spec.Idle
	idle.SuspendAfter = nil // the operator's part
	if d := idle.UnloadAfter; d != nil && *d == *defaults.Spec.Idle.UnloadAfter {
		idle.UnloadAfter = nil
	}
	var service v1alpha1.Service
	if a.Spec.Service.ShowsNodes() {
		service.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyCluster
	}
	var script *v1alpha1.Script
	if a.Spec.Script != nil { // which files it has is said by what is mounted
		script = a.Spec.Script.DeepCopy()
		script.ConfigMap.Items = nil
	}
	var web *v1alpha1.Web
	if hls := a.Spec.Web.HLSSettings(); hls != nil || len(a.Spec.Web.Origins()) > 0 { // the rest is the cluster's
		web = &v1alpha1.Web{Hostname: a.Spec.Web.Hostname, AllowedOrigins: a.Spec.Web.AllowedOrigins, HLS: hls}
	}
	text, err := writeDocument(a, struct {
		Application string             `json:"application"`
		Instance    string             `json:"instance"`
		OnDemand    bool               `json:"onDemandInstances,omitempty"`
		Recording   v1alpha1.Recording `json:"recording"`
		Access      v1alpha1.Access    `json:"access"`
		Limits      v1alpha1.Limits    `json:"limits,omitzero"`
		Idle        v1alpha1.Idle      `json:"idle,omitzero"`
		Script      *v1alpha1.Script   `json:"script,omitempty"`
		Delivery    v1alpha1.Delivery  `json:"delivery"`
		Service     v1alpha1.Service   `json:"service,omitzero"`
		Web         *v1alpha1.Web      `json:"web,omitempty"`
	}{a.Spec.Application, a.EffectiveInstance(), a.Spec.OnDemandInstances, a.Spec.Recording, access, limits, idle, script, a.Spec.Delivery, service, web})
	if err != nil {
		return "", fmt.Errorf("document of %s/%s: %w", a.Namespace, a.Name, err)
	}
	return text, nil
}

// writeDocument is what a media server reads of an instance: some of its spec.
func writeDocument(a *v1alpha1.AppInstance, spec any) (string, error) {
	text, err := yaml.Marshal(struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        map[string]string `json:"metadata"`
		Spec            any               `json:"spec"`
	}{metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.Kind}, map[string]string{"name": a.Name}, spec})
	return string(text), err
}

func equal(a, b *int32) bool { return a != nil && b != nil && *a == *b }

// documentHash goes on the pod template: a pod serves the document it started
// with, so another document means another pod.
func documentHash(doc string) string {
	sum := sha256.Sum256([]byte(doc))
	return hex.EncodeToString(sum[:8])
}

func configMap(a *v1alpha1.AppInstance, doc, edge, leave string, addresses []string) *corev1ac.ConfigMapApplyConfiguration {
	c := corev1ac.ConfigMap(configName(a), a.Namespace).
		WithLabels(labels(a)).
		WithOwnerReferences(owner(a)).
		WithData(map[string]string{documentFile: doc})
	if edge != "" {
		c.WithData(map[string]string{edgeFile: edge})
	}
	if leave != "" {
		c.WithData(map[string]string{leaveFile: leave})
	}
	if len(addresses) > 0 {
		c.WithData(map[string]string{addressesFile: strings.Join(addresses, "\n") + "\n"})
	}
	return c
}
