package controllers

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

const (
	containerName = "media"
	volumeData    = "data"
	volumeConfig  = "config"
	volumeKey     = "publish-key"
	volumeTLS     = "tls"
	volumeConsole = "console"

	pathData    = "/var/lib/flashpod"
	pathConfig  = "/etc/flashpod"
	pathKey     = "/run/secrets/flashpod"
	pathTLS     = "/run/secrets/tls"
	pathConsole = "/run/secrets/console"

	annotationPrefix   = "media.flashpod.dev/"
	annotationDocument = annotationPrefix + "document-hash"

	// The user of the image. No file in it belongs to another.
	userID = 65532

	// graceSeconds covers the server's own drain timeout of 10 s, and the
	// recordings that are finished behind it; of an edge, whose clients have had
	// spec.drain.timeout before, the 20 s in which it tells those that are left, and
	// cuts them off.
	graceSeconds = 30

	// startSeconds is how long a server may take to open its port. It takes less
	// than one, however much lies on the volume, where that answers.
	startSeconds = 300
)

// podTemplate is a function of spec, image and, where those are to restart it, the
// script's files alone: another version of the operator must not restart a pod.
func podTemplate(a *v1alpha1.AppInstance, image, account, doc, script string, openShift bool) (*corev1ac.PodTemplateSpecApplyConfiguration, error) {
	s := a.Spec.Scheduling
	security := corev1ac.PodSecurityContext().
		WithRunAsNonRoot(true).WithRunAsUser(userID).WithRunAsGroup(userID).
		WithFSGroup(userID).WithFSGroupChangePolicy(corev1.FSGroupChangeOnRootMismatch).
		WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))
	if openShift { // which gives each namespace users and groups of its own
		security.RunAsUser, security.RunAsGroup, security.FSGroup = nil, nil, nil
	}
	spec := corev1ac.PodSpec().
		WithServiceAccountName(account).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithTerminationGracePeriodSeconds(graceSeconds).
		WithSecurityContext(security).
		WithContainers(container(a, image)).
		WithVolumes(volumes(a)...)
	if len(s.NodeSelector) > 0 {
		spec.WithNodeSelector(s.NodeSelector)
	}
	if s.PriorityClassName != "" {
		spec.WithPriorityClassName(s.PriorityClassName)
	}
	for _, ref := range s.ImagePullSecrets {
		spec.WithImagePullSecrets(corev1ac.LocalObjectReference().WithName(ref.Name))
	}
	// Of these the apply types have the same JSON as the API's own.
	if err := convert(s.Tolerations, &spec.Tolerations); err != nil {
		return nil, fmt.Errorf("spec.tolerations: %w", err)
	}
	if err := convert(s.Affinity, &spec.Affinity); err != nil {
		return nil, fmt.Errorf("spec.affinity: %w", err)
	}
	if err := convert(s.TopologySpreadConstraints, &spec.TopologySpreadConstraints); err != nil {
		return nil, fmt.Errorf("spec.topologySpreadConstraints: %w", err)
	}
	annotations := map[string]string{annotationDocument: documentHash(doc)}
	if script != "" {
		annotations[annotationScript] = script
	}
	for k, v := range s.PodAnnotations {
		if !strings.HasPrefix(k, annotationPrefix) {
			annotations[k] = v
		}
	}
	return &corev1ac.PodTemplateSpecApplyConfiguration{
		ObjectMetaApplyConfiguration: metav1ac.ObjectMeta().WithLabels(labels(a)).WithAnnotations(annotations),
		Spec:                         spec,
	}, nil
}

func container(a *v1alpha1.AppInstance, image string) *corev1ac.ContainerApplyConfiguration {
	args := []string{
		"serve", "-f", pathConfig + "/" + documentFile, "--data", pathData,
		"--rtmp-address", fmt.Sprintf(":%d", rtmpPort), "--http-address", fmt.Sprintf(":%d", httpPort),
		"--log-format", "json",
	}
	mounts := []*corev1ac.VolumeMountApplyConfiguration{
		corev1ac.VolumeMount().WithName(volumeData).WithMountPath(pathData),
		corev1ac.VolumeMount().WithName(volumeConfig).WithMountPath(pathConfig).WithReadOnly(true),
	}
	if secretName(a) != "" {
		args = append(args, "--publish-key-file", pathKey+"/"+keyEntry)
		mounts = append(mounts, corev1ac.VolumeMount().WithName(volumeKey).WithMountPath(pathKey).WithReadOnly(true))
	}
	if consoleName(a) != "" {
		args = append(args, "--console-tokens", pathConsole)
		mounts = append(mounts, corev1ac.VolumeMount().WithName(volumeConsole).WithMountPath(pathConsole).WithReadOnly(true))
	}
	ports := []*corev1ac.ContainerPortApplyConfiguration{
		corev1ac.ContainerPort().WithName(portRTMP).WithContainerPort(rtmpPort).WithProtocol(corev1.ProtocolTCP),
		corev1ac.ContainerPort().WithName(portHTTP).WithContainerPort(httpPort).WithProtocol(corev1.ProtocolTCP),
	}
	if a.Spec.Script != nil {
		args = append(args, "--script-folder", pathScript)
		mounts = append(mounts, corev1ac.VolumeMount().WithName(volumeScript).WithMountPath(pathScript).WithReadOnly(true))
	}
	if a.Spec.TLS != nil {
		args = append(args, "--rtmps-address", fmt.Sprintf(":%d", rtmpsPort),
			"--tls-cert-file", pathTLS+"/"+corev1.TLSCertKey, "--tls-key-file", pathTLS+"/"+corev1.TLSPrivateKeyKey)
		mounts = append(mounts, corev1ac.VolumeMount().WithName(volumeTLS).WithMountPath(pathTLS).WithReadOnly(true))
		ports = append(ports, corev1ac.ContainerPort().WithName(portRTMPS).WithContainerPort(rtmpsPort).WithProtocol(corev1.ProtocolTCP))
	}
	if a.Spec.Web != nil {
		args = append(args, "--web-address", fmt.Sprintf(":%d", webPort))
		ports = append(ports, corev1ac.ContainerPort().WithName(portWeb).WithContainerPort(webPort).WithProtocol(corev1.ProtocolTCP))
	}
	if webRTC(a) == nil && a.Spec.Web != nil && a.Spec.Image == "" {
		// Pages would try the pod's own address first. An image of the user's own may
		// not know the flag.
		args = append(args, "--webrtc-address", "off")
	}
	c := corev1ac.Container().
		WithName(containerName).
		WithImage(image).
		WithImagePullPolicy(corev1.PullIfNotPresent).
		WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError).
		WithArgs(args...).
		WithPorts(ports...).
		WithVolumeMounts(mounts...).
		// A volume that answers slowly may keep a server from starting; kubelet does
		// not kill it for that, and it is known at once when it serves.
		WithStartupProbe(probe("/healthz").WithPeriodSeconds(1).WithFailureThreshold(startSeconds)).
		WithReadinessProbe(probe("/readyz").WithPeriodSeconds(1).WithFailureThreshold(2)).
		WithLivenessProbe(probe("/healthz").WithPeriodSeconds(10).WithFailureThreshold(6)).
		WithResources(resources(a.Spec.Resources)).
		WithSecurityContext(corev1ac.SecurityContext().
			WithAllowPrivilegeEscalation(false).
			WithReadOnlyRootFilesystem(true).
			WithCapabilities(corev1ac.Capabilities().WithDrop("ALL")))
	if webRTC(a) != nil {
		webRTCArgs(c, a)
	}
	if takesLinks(a) {
		linkArgs(c, a)
	}
	return c
}

func probe(path string) *corev1ac.ProbeApplyConfiguration {
	return corev1ac.Probe().
		WithHTTPGet(corev1ac.HTTPGetAction().WithPath(path).WithPort(intstr.FromString(portHTTP))).
		WithTimeoutSeconds(2)
}

// resources are the spec's or, where it names none, enough for some hundred
// viewers. There is no limit on processors: it would stall every stream at
// once.
func resources(want corev1.ResourceRequirements) *corev1ac.ResourceRequirementsApplyConfiguration {
	requests := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("100m"),
		corev1.ResourceMemory: resource.MustParse("128Mi"),
	}
	limits := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}
	if len(want.Requests) > 0 || len(want.Limits) > 0 {
		requests, limits = want.Requests, want.Limits
	}
	out := corev1ac.ResourceRequirements()
	if len(requests) > 0 {
		out.WithRequests(requests)
	}
	if len(limits) > 0 {
		out.WithLimits(limits)
	}
	return out
}

// volumes are mounted whether their Secrets are there or not: a server without
// its key or certificate still plays, and takes them when they come.
func volumes(a *v1alpha1.AppInstance) []*corev1ac.VolumeApplyConfiguration {
	all := []*corev1ac.VolumeApplyConfiguration{
		corev1ac.Volume().WithName(volumeConfig).WithConfigMap(corev1ac.ConfigMapVolumeSource().WithName(configName(a))),
	}
	if name := secretName(a); name != "" {
		all = append(all, corev1ac.Volume().WithName(volumeKey).WithSecret(corev1ac.SecretVolumeSource().
			WithSecretName(name).
			WithOptional(true).
			WithDefaultMode(0o440).
			WithItems(corev1ac.KeyToPath().WithKey(keyEntry).WithPath(keyEntry))))
	}
	if name := consoleName(a); name != "" {
		all = append(all, corev1ac.Volume().WithName(volumeConsole).WithSecret(corev1ac.SecretVolumeSource().
			WithSecretName(name).
			WithOptional(true).
			WithDefaultMode(0o440).
			WithItems(
				corev1ac.KeyToPath().WithKey(consoleAdmin).WithPath(consoleAdmin),
				corev1ac.KeyToPath().WithKey(consoleViewer).WithPath(consoleViewer))))
	}
	if s := a.Spec.Script; s != nil {
		all = append(all, scriptVolume(s))
	}
	if tls := a.Spec.TLS; tls != nil {
		all = append(all, tlsVolume(tls))
	}
	switch {
	case behindGateway(a):
		all = append(all, linkVolumeOf(a))
	case takesLinks(a):
		all = append(all, linkVolume(a))
	}
	if hasGuests(a) {
		all = append(all, reachVolume(a, entryGuests))
	}
	return all
}

// tlsVolume has the certificate of spec.tls.
func tlsVolume(tls *v1alpha1.TLS) *corev1ac.VolumeApplyConfiguration {
	return corev1ac.Volume().WithName(volumeTLS).WithSecret(corev1ac.SecretVolumeSource().
		WithSecretName(tls.SecretName).
		WithOptional(true).
		WithDefaultMode(0o440).
		WithItems(
			corev1ac.KeyToPath().WithKey(corev1.TLSCertKey).WithPath(corev1.TLSCertKey),
			corev1ac.KeyToPath().WithKey(corev1.TLSPrivateKeyKey).WithPath(corev1.TLSPrivateKeyKey)))
}

// convert copies between two types with the same JSON.
func convert[T any](from any, to *T) error {
	b, err := json.Marshal(from)
	if err != nil || string(b) == "null" {
		return err
	}
	return json.Unmarshal(b, to)
}
