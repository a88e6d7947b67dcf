package controllers

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"time"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

const (
	// linkEntry is the entry of the Secret with the keys of links, one a line: the newest
	// first, which servers show, and the one before it while it is accepted.
	linkEntry = "keys"

	// annotationLinkMade on the Secret is when its newest key was made, and
	// annotationLinkFor what annotationRotate on the AppInstance said then: another word
	// there has another key made.
	annotationLinkMade = annotationPrefix + "link-key-made"
	annotationLinkFor  = annotationPrefix + "link-key-for"
	annotationRotate   = annotationPrefix + "rotate-link-key"

	// linkKeyAge is when a key is replaced, and linkKeyOverlap how long the one before it
	// is accepted: kubelets need two minutes to hand the new one to all servers.
	linkKeyAge     = 90 * 24 * time.Hour
	linkKeyOverlap = 24 * time.Hour
)

// freshLinkKey is a key of 32 random bytes.
func freshLinkKey() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // which never fails
	return hex.EncodeToString(b)
}

// linkSecret holds the keys by which the origin and its edges know one another; nil where
// no links are wanted. Nobody but they needs them, and they go with their AppInstance.
func linkSecret(a *v1alpha1.AppInstance, have *corev1.Secret, fresh string, now time.Time) *corev1ac.SecretApplyConfiguration {
	if !takesLinks(a) {
		return nil
	}
	keys, made, word := linkKeysOf(have)
	switch asked := a.Annotations[annotationRotate]; {
	case len(keys) == 0:
		keys, made, word = []string{fresh}, now, asked
	case now.Sub(made) >= linkKeyAge, asked != word && asked != "":
		keys, made, word = []string{fresh, keys[0]}, now, asked
	case now.Sub(made) >= linkKeyOverlap:
		keys = keys[:1]
	}
	marks := map[string]string{annotationLinkMade: made.UTC().Format(time.RFC3339)}
	if word != "" {
		marks[annotationLinkFor] = word
	}
	var text bytes.Buffer
	for _, key := range keys {
		text.WriteString(key + "\n")
	}
	return corev1ac.Secret(linkName(a), a.Namespace).
		WithLabels(labels(a)).
		WithAnnotations(marks).
		WithOwnerReferences(owner(a)).
		WithData(map[string][]byte{linkEntry: text.Bytes()})
}

// linkKeysOf are the keys of a Secret, when the first was made, and by which word.
func linkKeysOf(s *corev1.Secret) (keys []string, made time.Time, word string) {
	if s == nil {
		return nil, made, ""
	}
	for key := range bytes.FieldsSeq(s.Data[linkEntry]) {
		keys = append(keys, string(key))
	}
	made, err := time.Parse(time.RFC3339, s.Annotations[annotationLinkMade])
	if err != nil {
		made = s.CreationTimestamp.Time
	}
	return keys, made, s.Annotations[annotationLinkFor]
}

// linkTurn is how long until the keys change by themselves; 0: they do not.
func linkTurn(o *observed) time.Duration {
	keys, made, _ := linkKeysOf(o.edges.link)
	switch {
	case !takesLinks(o.instance) || len(keys) == 0:
		return 0
	case len(keys) > 1:
		return max(made.Add(linkKeyOverlap).Sub(o.now), time.Second)
	}
	return max(made.Add(linkKeyAge).Sub(o.now), time.Second)
}
