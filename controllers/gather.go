package controllers

import (
	"context"
	"crypto/rand"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// observed is everything that is read: an instance and what belongs to it. What
// is not there is nil.
type observed struct {
	instance *v1alpha1.AppInstance // defaults filled in

	statefulSet    *appsv1.StatefulSet
	pod            *corev1.Pod
	claim          *corev1.PersistentVolumeClaim
	service        *corev1.Service
	headless       *corev1.Service
	configMap      *corev1.ConfigMap
	secret         *corev1.Secret
	certificate    *corev1.Secret // of spec.tls
	serviceAccount *corev1.ServiceAccount

	// image is the operator's choice of a media server.
	image string
	// freshKey is a publish key for an instance that has none.
	freshKey string
	// applyErr says what could not be applied, so that status tells it.
	applyErr error
}

// gather reads all that decide needs.
func (r *Reconciler) gather(ctx context.Context, a *v1alpha1.AppInstance) (*observed, error) {
	o := &observed{instance: a.DeepCopy(), image: r.MediaImage, freshKey: rand.Text()}
	o.instance.SetDefaults()
	ns := a.Namespace
	var err error
	read := func(reader client.Reader, name string, obj client.Object) bool {
		if err != nil || name == "" {
			return false
		}
		e := reader.Get(ctx, client.ObjectKey{Namespace: ns, Name: name}, obj)
		if e != nil && !apierrors.IsNotFound(e) {
			err = fmt.Errorf("read %T %s/%s: %w", obj, ns, name, e)
		}
		return e == nil
	}
	o.statefulSet = found(read, r.Client, a.Name, &appsv1.StatefulSet{})
	o.pod = found(read, r.Client, podName(a), &corev1.Pod{})
	o.claim = found(read, r.Client, claimName(a), &corev1.PersistentVolumeClaim{})
	o.service = found(read, r.Client, serviceName(a), &corev1.Service{})
	o.headless = found(read, r.Client, headlessName(a), &corev1.Service{})
	o.configMap = found(read, r.Client, configName(a), &corev1.ConfigMap{})
	o.serviceAccount = found(read, r.Client, a.Name, &corev1.ServiceAccount{})
	// Past the cache: the operator may read a Secret by its name, but neither
	// list nor watch them.
	o.secret = found(read, r.APIReader, secretName(o.instance), &corev1.Secret{})
	if tls := a.Spec.TLS; tls != nil {
		o.certificate = found(read, r.APIReader, tls.SecretName, &corev1.Secret{})
	}
	return o, err
}

func found[T client.Object](read func(client.Reader, string, client.Object) bool, from client.Reader, name string, obj T) T {
	if read(from, name, obj) {
		return obj
	}
	var none T
	return none
}
