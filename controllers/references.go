package controllers

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// expiresSoon is how long before its end a certificate is told of.
const expiresSoon = 14 * 24 * time.Hour

// fieldTLS names the Secret with the certificate.
const fieldTLS = "spec.tls.secretName"

// mountable is the instance as far as its server may have it: without a
// certificate that cannot be judged yet, or is not meant for it. Plain RTMP does
// not wait for one.
func mountable(o *observed) *v1alpha1.AppInstance {
	for _, r := range references(o) {
		if r.field == fieldTLS && r.waits() {
			a := o.instance.DeepCopy()
			a.Spec.TLS = nil
			return a
		}
	}
	return o.instance
}

// reference is a Secret that the spec names for a use: it must say itself that
// it is meant for it, or a user who may write AppInstances could hand any Secret
// of the namespace to a media server.
type reference struct {
	field, name string
	secret      *corev1.Secret
	marked      bool   // it has the type or the label that its use asks for
	mark        string // how to give it that
	mounted     bool   // by the pod template that is there
}

// references are the Secrets of the user's own.
func references(o *observed) (all []reference) {
	a := o.instance
	if ownSecret(a) {
		r := reference{field: "spec.access.publish.secretName", name: secretName(a), secret: o.secret,
			mark: fmt.Sprintf("kubectl label secret %s %s=true --namespace %s", secretName(a), labelPublishKey, a.Namespace)}
		if o.secret != nil {
			_, labelled := o.secret.Labels[labelPublishKey]
			r.marked = labelled || o.secret.Type == keySecretType
		}
		all = append(all, r)
	}
	if name := certificateName(a); name != "" {
		all = append(all, reference{field: fieldTLS, name: name, secret: o.certificate,
			marked: o.certificate != nil && o.certificate.Type == corev1.SecretTypeTLS,
			mark:   "make it again with type kubernetes.io/tls, as \"kubectl create secret tls\" and cert-manager do"})
	}
	for i := range all {
		all[i].mounted = mounts(o, all[i].name)
	}
	return all
}

// mounts says whether the pod template that is there mounts a Secret.
func mounts(o *observed, name string) bool {
	if o.statefulSet == nil {
		return false
	}
	for _, v := range o.statefulSet.Spec.Template.Spec.Volumes {
		if v.Secret != nil && v.Secret.SecretName == name {
			return true
		}
	}
	return false
}

// refusal says why a Secret is not handed to the server; "" when it may be. One
// that an operator before this rule handed over goes on.
func (r reference) refusal() verdict {
	switch {
	case r.mounted || r.secret != nil && r.marked:
		return verdict{}
	case r.secret == nil:
		return verdict{} // missing: see publishKeyVerdict and certificateVerdict
	}
	return stalled("SecretNotMarked", fmt.Sprintf("Secret %s of %s is not marked for this use, so it is not handed to a server: %s", r.name, r.field, r.mark))
}

// waits says whether nothing may be mounted under the name yet: a Secret that is
// not there cannot be judged.
func (r reference) waits() bool { return !r.mounted && (r.secret == nil || !r.marked) }

// unmarked tells of Secrets in use that a new reference could not name.
func unmarked(o *observed) verdict {
	for _, r := range references(o) {
		if r.mounted && r.secret != nil && !r.marked {
			return good("SecretNotMarked", fmt.Sprintf("Secret %s of %s stays in use, but a new AppInstance could not name it: %s", r.name, r.field, r.mark))
		}
	}
	return verdict{}
}

// publishKeyVerdict is about the Secret with the publish key; none where every
// client may publish.
func publishKeyVerdict(o *observed) verdict {
	a := o.instance
	name := secretName(a)
	if name == "" {
		return verdict{}
	}
	if !ownSecret(a) {
		if o.standing.secret == foreign {
			return stalled("NameConflict", "no key: "+conflictOf("Secret", o.secret).String())
		}
		return good("KeyPresent", fmt.Sprintf("the key is in Secret %s", name))
	}
	if o.secret == nil {
		return stalled("KeyMissing", fmt.Sprintf("Secret %s is not there, and nobody can publish: make it, with the key as entry %q and the label %s, or leave out spec.access.publish.secretName", name, keyEntry, labelPublishKey))
	}
	if v := references(o)[0].refusal(); v.reason != "" {
		return v
	}
	key, ok := o.secret.Data[keyEntry]
	switch {
	case !ok:
		return stalled("KeyMissing", fmt.Sprintf("Secret %s has no entry %q, and nobody can publish: add it", name, keyEntry))
	case len(bytes.TrimSpace(key)) == 0:
		return stalled("KeyEmpty", fmt.Sprintf("entry %q of Secret %s is empty, and nobody can publish: write a key into it", keyEntry, name))
	}
	if len(bytes.TrimSpace(key)) < minKey {
		return good("KeyShort", fmt.Sprintf("the key in Secret %s has less than %d characters, and can be guessed: write a longer one into it", name, minKey))
	}
	return good("KeyPresent", fmt.Sprintf("the key is in Secret %s", name))
}

// minKey is how many characters a key of the user's own should have: the media
// server's log warns of the same.
const minKey = 16

// certificateVerdict is about the Secret of spec.tls; none without.
func certificateVerdict(o *observed) verdict {
	name := certificateName(o.instance)
	if name == "" {
		return verdict{}
	}
	const plays = "; rtmp:// goes on without it"
	if o.certificate == nil {
		return stalled("CertificateMissing", fmt.Sprintf("Secret %s is not there: make it, with type kubernetes.io/tls, or leave out spec.tls%s", name, plays))
	}
	for _, r := range references(o) {
		if r.name == name && r.field == fieldTLS {
			if v := r.refusal(); v.reason != "" {
				return v
			}
		}
	}
	return judgeCertificate(o, o.certificate, plays)
}

// webCertificateVerdict is about the Secret of spec.web.tls, which the Ingress
// controller serves; none where it names none. Its content is looked at only where its
// type says that it is a certificate.
func webCertificateVerdict(o *observed) verdict {
	name := webCertificateName(o.instance)
	if name == "" {
		return verdict{}
	}
	host := o.instance.Spec.Web.Hostname
	rest := "; until then the Ingress controller has no certificate for " + host
	switch s := o.webCertificate; {
	case s == nil:
		return stalled("CertificateMissing", fmt.Sprintf("Secret %s of spec.web.tls is not there: make it, with type kubernetes.io/tls, or leave out secretName%s", name, rest))
	case s.Type != corev1.SecretTypeTLS:
		return stalled("CertificateInvalid", fmt.Sprintf("Secret %s of spec.web.tls has type %q, not kubernetes.io/tls: make it again, as \"kubectl create secret tls\" and cert-manager do%s", name, s.Type, rest))
	}
	v := judgeCertificate(o, o.webCertificate, rest)
	if leaf, err := leafOf(o.webCertificate); v.ok() && err == nil && leaf.VerifyHostname(host) != nil {
		return stalled("CertificateInvalid", fmt.Sprintf("the certificate in Secret %s of spec.web.tls is not for %s: browsers refuse it; put one into it that names it", name, host))
	}
	return v
}

// judgeCertificate is about what a Secret has for a certificate; rest says what goes on
// without.
func judgeCertificate(o *observed, s *corev1.Secret, rest string) verdict {
	leaf, err := leafOf(s)
	switch {
	case err != nil:
		return stalled("CertificateInvalid", fmt.Sprintf("Secret %s: %v: put a certificate (tls.crt) and its key (tls.key) into it, in PEM%s", s.Name, err, rest))
	case o.now.After(leaf.NotAfter):
		return stalled("CertificateInvalid", fmt.Sprintf("the certificate in Secret %s has expired at %s: renew it%s", s.Name, leaf.NotAfter.UTC().Format(time.RFC3339), rest))
	case o.now.Before(leaf.NotBefore):
		return stalled("CertificateInvalid", fmt.Sprintf("the certificate in Secret %s is not valid before %s%s", s.Name, leaf.NotBefore.UTC().Format(time.RFC3339), rest))
	case leaf.NotAfter.Sub(o.now) < expiresSoon:
		return good("CertificateExpiring", fmt.Sprintf("the certificate in Secret %s expires at %s: renew it", s.Name, leaf.NotAfter.UTC().Format(time.RFC3339)))
	}
	return good("CertificateValid", fmt.Sprintf("the certificate in Secret %s is valid until %s", s.Name, leaf.NotAfter.UTC().Format(time.RFC3339)))
}

// leafOf is the certificate in a Secret of type kubernetes.io/tls, whose key
// must be its own.
func leafOf(s *corev1.Secret) (*x509.Certificate, error) {
	for _, entry := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey} {
		if len(s.Data[entry]) == 0 {
			return nil, fmt.Errorf("no entry %s", entry)
		}
	}
	pair, err := tls.X509KeyPair(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, err
	}
	return pair.Leaf, nil
}

// imageOf is the image that the server runs.
func imageOf(a *v1alpha1.AppInstance, media string) string {
	if a.Spec.Image != "" {
		return a.Spec.Image
	}
	return media
}
