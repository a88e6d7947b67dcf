package controllers

import (
	"fmt"
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

const (
	edgeFile = "edge.yaml" // entry of the ConfigMap with what edges are told
	// leaveFile is the entry with the time in which clients of the origin itself are to go to
	// edges, while the Service leads there: see leavingWithin.
	leaveFile  = "leave"
	volumeLink = "link"
	pathLink   = "/run/secrets/link"

	// What an edge keeps of recordings lies in a folder of its own, which goes with the pod.
	// Kubelet ends a pod whose folder grows over its limit: the cache stays below it, with
	// room for pieces that are being written.
	volumeCache = "cache"
	pathCache   = "/var/cache/flashpod"
	cacheSize   = "2Gi" // where spec.edges.cache says nothing else

	// edgeLinger is how many seconds an edge that goes takes connections: those that were
	// sent its way before every node had heard of it.
	edgeLinger = 5
)

// edgeDocument is what edges are told of an AppInstance: which instances they may ask for,
// and whom they let in. All else is the origin's to say, so that editing it restarts no
// edge.
func edgeDocument(a *v1alpha1.AppInstance) (string, error) {
	limits := v1alpha1.Limits{MaxConnectionsPerAddress: a.Spec.Limits.MaxConnectionsPerAddress, SharedAddresses: a.Spec.Limits.SharedAddresses}
	var service v1alpha1.Service
	if a.Spec.Service.ShowsNodes() {
		service.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyCluster
	}
	var web *v1alpha1.Web
	if len(a.Spec.Web.Origins()) > 0 {
		web = &v1alpha1.Web{Hostname: a.Spec.Web.Hostname, AllowedOrigins: a.Spec.Web.AllowedOrigins}
	}
	text, err := writeDocument(a, struct {
		Application string           `json:"application"`
		Instance    string           `json:"instance"`
		OnDemand    bool             `json:"onDemandInstances,omitempty"`
		Limits      v1alpha1.Limits  `json:"limits,omitzero"`
		Service     v1alpha1.Service `json:"service,omitzero"`
		Web         *v1alpha1.Web    `json:"web,omitempty"`
	}{a.Spec.Application, a.EffectiveInstance(), a.Spec.OnDemandInstances, limits, service, web})
	if err != nil {
		return "", fmt.Errorf("document of the edges of %s/%s: %w", a.Namespace, a.Name, err)
	}
	return text, nil
}

// drainSeconds is how long an edge that goes serves its clients. Those that are left then
// have what graceSeconds is for, too: they are told a few at a time.
func drainSeconds(a *v1alpha1.AppInstance) int64 {
	return max(int64(math.Ceil(value(a.Spec.Drain.Timeout).Seconds())), 1) // 0 is what the server takes by itself
}

// edgesDeployment runs the edges. It replaces them one after another, each when another
// takes connections.
func edgesDeployment(a *v1alpha1.AppInstance, template *corev1ac.PodTemplateSpecApplyConfiguration, replicas int32) *appsv1ac.DeploymentApplyConfiguration {
	return appsv1ac.Deployment(edgesName(a), a.Namespace).
		WithLabels(edgeLabels(a)).
		WithOwnerReferences(owner(a)).
		WithSpec(appsv1ac.DeploymentSpec().
			WithReplicas(replicas).
			WithRevisionHistoryLimit(2).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(edgeSelector(a))).
			WithStrategy(appsv1ac.DeploymentStrategy().
				WithType("RollingUpdate").
				WithRollingUpdate(appsv1ac.RollingUpdateDeployment().
					WithMaxUnavailable(intstr.FromInt32(0)).
					WithMaxSurge(intstr.FromString("25%")))).
			WithTemplate(template))
}

// edgesBudget has nodes that are emptied take one edge in ten at a time, and at least one.
func edgesBudget(a *v1alpha1.AppInstance) *policyv1ac.PodDisruptionBudgetApplyConfiguration {
	return policyv1ac.PodDisruptionBudget(edgesName(a), a.Namespace).
		WithLabels(edgeLabels(a)).
		WithOwnerReferences(owner(a)).
		WithSpec(policyv1ac.PodDisruptionBudgetSpec().
			WithMaxUnavailable(intstr.FromString("10%")).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(edgeSelector(a))))
}

// edgePod is the template of an edge's pod: what an origin's has, without a volume, a
// publish key, a script and a console, and with a place of its own, away from other edges.
func edgePod(a *v1alpha1.AppInstance, image, account, doc string, openShift bool) (*corev1ac.PodTemplateSpecApplyConfiguration, error) {
	bare := a.DeepCopy()
	bare.Spec.TopologySpreadConstraints = nil // which are about the origin
	t, err := podTemplate(bare, image, account, doc, "", openShift)
	if err != nil {
		return nil, err
	}
	t.Labels = edgeLabels(a)
	spec := t.Spec
	spec.WithTerminationGracePeriodSeconds(edgeLinger + drainSeconds(a) + graceSeconds)
	for _, key := range []string{corev1.LabelHostname, corev1.LabelTopologyZone} {
		spec.WithTopologySpreadConstraints(corev1ac.TopologySpreadConstraint().
			WithMaxSkew(1).
			WithTopologyKey(key).
			WithWhenUnsatisfiable(corev1.ScheduleAnyway).
			WithLabelSelector(metav1ac.LabelSelector().WithMatchLabels(edgeSelector(a))))
	}
	spec.Containers[0] = *edgeContainer(a, &spec.Containers[0])
	spec.Volumes = nil
	if size := edgeCache(a); !size.IsZero() {
		spec.WithVolumes(corev1ac.Volume().WithName(volumeCache).WithEmptyDir(corev1ac.EmptyDirVolumeSource().WithSizeLimit(cacheLimit(size))))
	}
	spec.WithVolumes(
		corev1ac.Volume().WithName(volumeConfig).WithConfigMap(edgeConfig(a)),
		linkVolume(a))
	if a.Spec.TLS != nil {
		spec.WithVolumes(tlsVolume(a.Spec.TLS))
	}
	if mayReach(a) {
		spec.WithVolumes(reachVolume(a, entryOrigins))
	}
	return t, nil
}

// edgeConfig is what an edge has of the ConfigMap. Where clients send media need not be in it
// yet when the edge begins, and an entry that is named has to be.
func edgeConfig(a *v1alpha1.AppInstance) *corev1ac.ConfigMapVolumeSourceApplyConfiguration {
	source := corev1ac.ConfigMapVolumeSource().WithName(configName(a))
	if webRTC(a) == nil {
		source.WithItems(corev1ac.KeyToPath().WithKey(edgeFile).WithPath(edgeFile))
	}
	return source
}

// edgeContainer is an edge, where that of the origin is given.
func edgeContainer(a *v1alpha1.AppInstance, like *corev1ac.ContainerApplyConfiguration) *corev1ac.ContainerApplyConfiguration {
	c := *like
	args := []string{
		"serve", "--edge-of", edgeOrigin(a), "-f", pathConfig + "/" + edgeFile, "--link-key-file", pathLink + "/" + linkEntry,
		"--rtmp-address", fmt.Sprintf(":%d", rtmpPort), "--http-address", fmt.Sprintf(":%d", httpPort),
		"--drain-timeout", fmt.Sprintf("%ds", drainSeconds(a)), "--log-format", "json",
	}
	c.VolumeMounts = nil
	size := edgeCache(a)
	if !size.IsZero() {
		args = append(args, "--cache-dir", pathCache)
		c.WithVolumeMounts(corev1ac.VolumeMount().WithName(volumeCache).WithMountPath(pathCache))
	}
	args = append(args, "--cache-size", size.String())
	c.WithVolumeMounts(
		corev1ac.VolumeMount().WithName(volumeConfig).WithMountPath(pathConfig).WithReadOnly(true),
		corev1ac.VolumeMount().WithName(volumeLink).WithMountPath(pathLink).WithReadOnly(true))
	c.Ports = nil
	c.WithPorts(
		corev1ac.ContainerPort().WithName(portRTMP).WithContainerPort(rtmpPort).WithProtocol(corev1.ProtocolTCP),
		corev1ac.ContainerPort().WithName(portHTTP).WithContainerPort(httpPort).WithProtocol(corev1.ProtocolTCP))
	if a.Spec.TLS != nil {
		args = append(args, "--rtmps-address", fmt.Sprintf(":%d", rtmpsPort),
			"--tls-cert-file", pathTLS+"/"+corev1.TLSCertKey, "--tls-key-file", pathTLS+"/"+corev1.TLSPrivateKeyKey)
		c.WithVolumeMounts(corev1ac.VolumeMount().WithName(volumeTLS).WithMountPath(pathTLS).WithReadOnly(true))
		c.WithPorts(corev1ac.ContainerPort().WithName(portRTMPS).WithContainerPort(rtmpsPort).WithProtocol(corev1.ProtocolTCP))
	}
	if a.Spec.Web != nil {
		args = append(args, "--web-address", fmt.Sprintf(":%d", webPort))
		c.WithPorts(corev1ac.ContainerPort().WithName(portWeb).WithContainerPort(webPort).WithProtocol(corev1.ProtocolTCP))
	}
	c.Args, c.Env = args, nil
	if mayReach(a) {
		reachArgs(&c, "--edge-may-reach-file", entryOrigins)
	}
	switch {
	case webRTC(a) != nil:
		webRTCArgs(&c, a)
	case a.Spec.Web != nil:
		c.WithArgs("--webrtc-address", "off")
	}
	want := a.Spec.Resources
	if r := a.Spec.Edges.Resources; r != nil {
		want = *r
	}
	c.WithResources(withCache(resources(want), a))
	c.WithLifecycle(corev1ac.Lifecycle().WithPreStop(corev1ac.LifecycleHandler().WithSleep(corev1ac.SleepAction().WithSeconds(edgeLinger))))
	return &c
}

// edgeCache is how many bytes an edge keeps of recordings on the disk.
func edgeCache(a *v1alpha1.AppInstance) resource.Quantity {
	if c := a.Spec.Edges.Cache; c != nil && c.Size != nil {
		return *c.Size
	}
	return resource.MustParse(cacheSize)
}

// cacheLimit is what the folder of a cache of so many bytes may take.
func cacheLimit(size resource.Quantity) resource.Quantity {
	return *resource.NewQuantity(size.Value()+size.Value()/8, size.Format)
}

// withCache asks the node for the cache, where its size was chosen and who chose it has
// not said himself what the node is asked for.
func withCache(r *corev1ac.ResourceRequirementsApplyConfiguration, a *v1alpha1.AppInstance) *corev1ac.ResourceRequirementsApplyConfiguration {
	if c := a.Spec.Edges.Cache; c == nil || c.Size == nil || c.Size.IsZero() {
		return r
	}
	requests := corev1.ResourceList{}
	for _, list := range []*corev1.ResourceList{r.Limits, r.Requests} {
		if list == nil {
			continue
		}
		if _, said := (*list)[corev1.ResourceEphemeralStorage]; said {
			return r
		}
	}
	if r.Requests != nil {
		requests = r.Requests.DeepCopy()
	}
	requests[corev1.ResourceEphemeralStorage] = cacheLimit(edgeCache(a))
	return r.WithRequests(requests)
}

// linkArgs has the origin listen for links. Where the gateway is one of those that show a
// key, the keys are the files of a folder.
func linkArgs(c *corev1ac.ContainerApplyConfiguration, a *v1alpha1.AppInstance) {
	keys := pathLink + "/" + linkEntry
	if behindGateway(a) {
		keys = pathLink
	}
	c.WithArgs("--link-address", fmt.Sprintf(":%d", linkPort), "--link-key-file", keys)
	if a.Spec.Edges != nil && a.Spec.Image == "" { // an image of the user's own may not know the flag
		c.WithArgs("--leave-file", pathConfig+"/"+leaveFile)
	}
	if hasGuests(a) {
		reachArgs(c, "--link-guest-key-file", entryGuests)
	}
	c.WithPorts(corev1ac.ContainerPort().WithName(portLink).WithContainerPort(linkPort).WithProtocol(corev1.ProtocolTCP))
	c.WithVolumeMounts(corev1ac.VolumeMount().WithName(volumeLink).WithMountPath(pathLink).WithReadOnly(true))
}

// linkVolume has the keys of links. A server does not start without.
func linkVolume(a *v1alpha1.AppInstance) *corev1ac.VolumeApplyConfiguration {
	return linkVolumeOf(a, linkEntry)
}

// linkVolumeOf has those entries of the Secret with the keys of links; none for all.
func linkVolumeOf(a *v1alpha1.AppInstance, entries ...string) *corev1ac.VolumeApplyConfiguration {
	source := corev1ac.SecretVolumeSource().WithSecretName(linkName(a)).WithDefaultMode(0o440)
	for _, entry := range entries {
		source.WithItems(corev1ac.KeyToPath().WithKey(entry).WithPath(entry))
	}
	return corev1ac.Volume().WithName(volumeLink).WithSecret(source)
}

// selectorText is edgeSelector for who scales an AppInstance.
func selectorText(l map[string]string) string {
	return metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: l})
}
