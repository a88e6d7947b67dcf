package controllers

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// CacheOptions keep in memory only what is ours, of kinds that a cluster is
// full of.
func CacheOptions() cache.Options {
	ours := cache.ByObject{Label: k8slabels.SelectorFromSet(k8slabels.Set{labelName: appName})}
	return cache.Options{ByObject: map[client.Object]cache.ByObject{
		&appsv1.StatefulSet{}:           ours,
		&corev1.Service{}:               ours,
		&corev1.ConfigMap{}:             ours,
		&corev1.ServiceAccount{}:        ours,
		&corev1.Pod{}:                   ours,
		&corev1.PersistentVolumeClaim{}: ours,
	}}
}
