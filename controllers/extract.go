package controllers

import (
	"encoding/json"
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	discoveryv1ac "k8s.io/client-go/applyconfigurations/discovery/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1ac "sigs.k8s.io/gateway-api/applyconfiguration/apis/v1"
)

// What we own of an object says whether applying it again would change
// anything: then nothing is sent at all.

// object is the pointer type of a Kubernetes object.
type object[T any] interface {
	*T
	client.Object
}

// newChild pairs what is wanted with what there is; have may be nil.
func newChild[T any, P object[T], C runtime.ApplyConfiguration](kind, name string, want C, have P, extract func(P, string) (C, error)) child {
	c := child{kind: kind, name: name, want: want}
	if have != nil {
		c.have = have
		c.owned = func() (any, error) { return extract(have, FieldManager) }
	}
	return c
}

func accountChild(want *corev1ac.ServiceAccountApplyConfiguration, have *corev1.ServiceAccount) child {
	return newChild("ServiceAccount", *want.Name, want, have, corev1ac.ExtractServiceAccount)
}

func configMapChild(want *corev1ac.ConfigMapApplyConfiguration, have *corev1.ConfigMap) child {
	return newChild("ConfigMap", *want.Name, want, have, corev1ac.ExtractConfigMap)
}

func secretChild(want *corev1ac.SecretApplyConfiguration, have *corev1.Secret) child {
	return newChild("Secret", *want.Name, want, have, corev1ac.ExtractSecret)
}

func serviceChild(want *corev1ac.ServiceApplyConfiguration, have *corev1.Service) child {
	return newChild("Service", *want.Name, want, have, corev1ac.ExtractService)
}

func sliceChild(want *discoveryv1ac.EndpointSliceApplyConfiguration, have *discoveryv1.EndpointSlice) child {
	return newChild("EndpointSlice", *want.Name, want, have, discoveryv1ac.ExtractEndpointSlice)
}

func policyChild(want *networkingv1ac.NetworkPolicyApplyConfiguration, have *networkingv1.NetworkPolicy) child {
	return newChild("NetworkPolicy", *want.Name, want, have, networkingv1ac.ExtractNetworkPolicy)
}

func ingressChild(want *networkingv1ac.IngressApplyConfiguration, have *networkingv1.Ingress) child {
	return newChild("Ingress", *want.Name, want, have, networkingv1ac.ExtractIngress)
}

func routeChild(want *gatewayv1ac.HTTPRouteApplyConfiguration, have *gatewayv1.HTTPRoute) child {
	return newChild(kindHTTPRoute, *want.Name, want, have, gatewayv1ac.ExtractHTTPRoute)
}

func tcpRouteChild(want *gatewayv1ac.TCPRouteApplyConfiguration, have *gatewayv1.TCPRoute) child {
	return newChild(kindTCPRoute, *want.Name, want, have, gatewayv1ac.ExtractTCPRoute)
}

func tlsRouteChild(want *gatewayv1ac.TLSRouteApplyConfiguration, have *gatewayv1.TLSRoute) child {
	return newChild(kindTLSRoute, *want.Name, want, have, gatewayv1ac.ExtractTLSRoute)
}

func claimChild(want *corev1ac.PersistentVolumeClaimApplyConfiguration, have *corev1.PersistentVolumeClaim) child {
	c := newChild("PersistentVolumeClaim", *want.Name, want, have, corev1ac.ExtractPersistentVolumeClaim)
	c.unlabel = labelInstance // the StatefulSet's controller gives it to claims that it makes
	return c
}

func deploymentChild(want *appsv1ac.DeploymentApplyConfiguration, have *appsv1.Deployment) child {
	return newChild("Deployment", *want.Name, want, have, ownedDeployment)
}

// ownedDeployment are our fields of a Deployment.
func ownedDeployment(o *appsv1.Deployment, manager string) (*appsv1ac.DeploymentApplyConfiguration, error) {
	return appsv1ac.ExtractDeployment(o, manager)
}

func budgetChild(want *policyv1ac.PodDisruptionBudgetApplyConfiguration, have *policyv1.PodDisruptionBudget) child {
	return newChild("PodDisruptionBudget", *want.Name, want, have, policyv1ac.ExtractPodDisruptionBudget)
}

func statefulSetChild(want *appsv1ac.StatefulSetApplyConfiguration, have *appsv1.StatefulSet) child {
	return newChild("StatefulSet", *want.Name, want, have, ownedStatefulSet)
}

// ownedStatefulSet are our fields of a StatefulSet.
func ownedStatefulSet(o *appsv1.StatefulSet, manager string) (*appsv1ac.StatefulSetApplyConfiguration, error) {
	set, err := appsv1ac.ExtractStatefulSet(o, manager)
	if err != nil || set.Spec == nil {
		return set, err
	}
	// The list belongs to us as a whole, with what the API server adds.
	for i := range set.Spec.VolumeClaimTemplates {
		set.Spec.VolumeClaimTemplates[i].Status = nil
	}
	return set, nil
}

// same says whether two objects have the same JSON form.
func same(a, b any) (bool, error) {
	x, err := plain(a)
	if err != nil {
		return false, err
	}
	y, err := plain(b)
	return err == nil && reflect.DeepEqual(x, y), err
}

// plain is the JSON form of an object, for comparing.
func plain(v any) (map[string]any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	err = json.Unmarshal(text, &out)
	return out, err
}
