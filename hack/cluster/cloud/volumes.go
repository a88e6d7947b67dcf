package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
)

const (
	provisionerName = "cloud.flashpod.dev/local"
	selectedNode    = "volume.kubernetes.io/selected-node" // the scheduler writes it on a claim that waits for its pod
	provisionedBy   = "pv.kubernetes.io/provisioned-by"    // tells Kubernetes' own volume controller to leave deletion to us
)

// provisioner makes a folder of the node a PersistentVolume for every claim of our storage class, grows it with its claim, and
// removes it when the claim is gone.
//
// They are local volumes, not hostPath ones: like a cloud's disk such a volume belongs to root until kubelet applies the pod's
// fsGroup to it, so a pod that would fail on a cloud fails here too.
type provisioner struct {
	client.Client
	dir  string // folder of the node
	node string
}

func (r *provisioner) setup(m ctrl.Manager) error {
	toClaim := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []ctrl.Request {
		ref := o.(*corev1.PersistentVolume).Spec.ClaimRef
		if ref == nil {
			return nil
		}
		return []ctrl.Request{{NamespacedName: types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}}}
	})
	if err := ctrl.NewControllerManagedBy(m).Named("claims").For(&corev1.PersistentVolumeClaim{}).
		Watches(&corev1.PersistentVolume{}, toClaim).Complete(r); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(m).Named("volumes").For(&corev1.PersistentVolume{}).Complete(reclaimer{r})
}

// Reconcile looks after one claim: a volume while it has none, more room when it asks for it.
func (r *provisioner) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	claim := &corev1.PersistentVolumeClaim{}
	if err := r.Get(ctx, req.NamespacedName, claim); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if claim.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	if claim.Spec.VolumeName != "" {
		return ctrl.Result{}, r.grow(ctx, claim)
	}
	class := &storagev1.StorageClass{}
	if claim.Spec.StorageClassName == nil || *claim.Spec.StorageClassName == "" {
		return ctrl.Result{}, nil // bound by hand, or the default class is still to be written in
	}
	if err := r.Get(ctx, types.NamespacedName{Name: *claim.Spec.StorageClassName}, class); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if class.Provisioner != provisionerName {
		return ctrl.Result{}, nil
	}
	waits := class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
	if waits && claim.Annotations[selectedNode] == "" {
		return ctrl.Result{}, nil
	}
	volume := r.volume(claim, class)
	if err := os.MkdirAll(volume.Spec.Local.Path, 0o755); err != nil {
		return ctrl.Result{}, fmt.Errorf("claim %s: %w", req, err)
	}
	if err := r.Create(ctx, volume); client.IgnoreAlreadyExists(err) != nil {
		return ctrl.Result{}, fmt.Errorf("claim %s: create volume %s: %w", req, volume.Name, err)
	}
	return ctrl.Result{}, nil
}

// volume is the PersistentVolume for a claim, bound to it from the start.
func (r *provisioner) volume(claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) *corev1.PersistentVolume {
	name := "pvc-" + string(claim.UID)
	reclaim := corev1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		reclaim = *class.ReclaimPolicy
	}
	folder := strings.Join([]string{claim.Namespace, claim.Name, string(claim.UID)}, "_") // a developer finds it by its name
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{provisionedBy: provisionerName}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes:                   claim.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: reclaim,
			StorageClassName:              class.Name,
			VolumeMode:                    claim.Spec.VolumeMode,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: filepath.Join(r.dir, folder)}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{
					Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{r.node},
				}},
			}}}},
		},
	}
}

// grow raises the capacity of a volume of ours, and then of its claim, to what the claim asks for. Folders have no size to change.
func (r *provisioner) grow(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	volume := &corev1.PersistentVolume{}
	if err := r.Get(ctx, types.NamespacedName{Name: claim.Spec.VolumeName}, volume); err != nil {
		return client.IgnoreNotFound(err)
	}
	if volume.Annotations[provisionedBy] != provisionerName {
		return nil
	}
	asked := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if capacity := volume.Spec.Capacity[corev1.ResourceStorage]; capacity.Cmp(asked) < 0 {
		before := volume.DeepCopy()
		volume.Spec.Capacity[corev1.ResourceStorage] = asked
		if err := r.Patch(ctx, volume, client.MergeFrom(before)); err != nil {
			return fmt.Errorf("volume %s: grow to %s: %w", volume.Name, asked.String(), err)
		}
	}
	if has := claim.Status.Capacity[corev1.ResourceStorage]; claim.Status.Phase == corev1.ClaimBound && has.Cmp(asked) < 0 {
		before := claim.DeepCopy()
		claim.Status.Capacity[corev1.ResourceStorage] = asked
		claim.Status.Conditions = slices.DeleteFunc(claim.Status.Conditions, func(c corev1.PersistentVolumeClaimCondition) bool {
			return c.Type == corev1.PersistentVolumeClaimResizing || c.Type == corev1.PersistentVolumeClaimFileSystemResizePending
		})
		if err := r.Status().Patch(ctx, claim, client.MergeFrom(before)); err != nil {
			return fmt.Errorf("claim %s/%s: grow to %s: %w", claim.Namespace, claim.Name, asked.String(), err)
		}
	}
	return nil
}

// reclaimer removes volumes of ours, folder and all, that have lost their claim and may go.
type reclaimer struct{ *provisioner }

// Reconcile implements reconcile.Reconciler.
func (r reclaimer) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	volume := &corev1.PersistentVolume{}
	if err := r.Get(ctx, req.NamespacedName, volume); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if volume.Annotations[provisionedBy] != provisionerName || volume.Status.Phase != corev1.VolumeReleased ||
		volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete || volume.Spec.Local == nil {
		return ctrl.Result{}, nil
	}
	// The path is what a user wrote in an API object: remove nothing that is not directly in our folder.
	if path := volume.Spec.Local.Path; filepath.Dir(path) == filepath.Clean(r.dir) {
		if err := os.RemoveAll(path); err != nil {
			return ctrl.Result{}, fmt.Errorf("volume %s: %w", volume.Name, err)
		}
	}
	if err := r.Delete(ctx, volume); err != nil && !errors.IsNotFound(err) {
		return ctrl.Result{}, fmt.Errorf("volume %s: %w", volume.Name, err)
	}
	return ctrl.Result{}, nil
}
