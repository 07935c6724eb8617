package main

import (
	"context"
	"fmt"
	"math"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/admission-controller/resource/pod/recommendation"
	vpa_types "k8s.io/autoscaler/vertical-pod-autoscaler/pkg/apis/autoscaling.k8s.io/v1"
	recommender_config "k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/config"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/logic"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/model"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/routines"
	controllerfetcher "k8s.io/autoscaler/vertical-pod-autoscaler/pkg/target/controller_fetcher"
	updater_config "k8s.io/autoscaler/vertical-pod-autoscaler/pkg/updater/config"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/updater/priority"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/utils/limitrange"
	vpa_utils "k8s.io/autoscaler/vertical-pod-autoscaler/pkg/utils/vpa"
)

const name = "main"

var (
	recommenderDefaults = recommender_config.DefaultRecommenderConfig()
	updaterDefaults     = updater_config.DefaultUpdaterConfig()
)

// pod is a pod of one container under a VPA object that controls its memory, in a cluster of its own.
type pod struct {
	cluster     model.ClusterState
	recommender logic.PodResourceRecommender
	processor   vpa_utils.RecommendationProcessor
	provider    recommendation.Provider
	object      *vpa_types.VerticalPodAutoscaler
	spec        *corev1.Pod
	id          model.ContainerID
	started     time.Time
}

// bounds is a recommendation in bytes, NaN where there is none.
type bounds struct{ lower, target, upper float64 }

func newPod(request int64, head header) *pod {
	id := model.ContainerID{PodID: model.PodID{Namespace: name, PodName: name}, ContainerName: name}
	state := model.NewClusterState(0)
	podLabels := labels.Set{"app": name}
	object := newObject()
	must(state.AddOrUpdateVpa(object, labels.SelectorFromSet(podLabels)))
	state.AddOrUpdatePod(id.PodID, podLabels, corev1.PodRunning)
	limits := limitrange.NewNoopLimitsCalculator()
	processor := vpa_utils.NewCappingRecommendationProcessor(limits)
	made := &pod{
		cluster:     state,
		recommender: newRecommender(head.FloorMiB),
		processor:   processor,
		provider:    recommendation.NewProvider(limits, processor),
		object:      object,
		id:          id,
	}
	made.spec = &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: name, Labels: podLabels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: name}}},
		Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: name}}},
	}
	made.resize(memory(request), memory(int64(float64(request)*head.LimitRatio)))
	return made
}

func newObject() *vpa_types.VerticalPodAutoscaler {
	mode := vpa_types.UpdateModeInPlaceOrRecreate
	return &vpa_types.VerticalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: name},
		Spec: vpa_types.VerticalPodAutoscalerSpec{
			TargetRef:    &autoscalingv1.CrossVersionObjectReference{Kind: "Deployment", Name: name, APIVersion: "apps/v1"},
			UpdatePolicy: &vpa_types.PodUpdatePolicy{UpdateMode: &mode},
			ResourcePolicy: &vpa_types.PodResourcePolicy{ContainerPolicies: []vpa_types.ContainerResourcePolicy{{
				ContainerName:       name,
				ControlledResources: &[]corev1.ResourceName{corev1.ResourceMemory},
			}}},
		},
	}
}

func newRecommender(floorMiB float64) logic.PodResourceRecommender {
	return logic.CreatePodResourceRecommender(logic.RecommendationConfig{
		SafetyMarginFraction:       recommenderDefaults.SafetyMarginFraction,
		PodMinCPUMillicores:        recommenderDefaults.PodMinCPUMillicores,
		PodMinMemoryMb:             floorMiB,
		TargetCPUPercentile:        recommenderDefaults.TargetCPUPercentile,
		LowerBoundCPUPercentile:    recommenderDefaults.LowerBoundCPUPercentile,
		UpperBoundCPUPercentile:    recommenderDefaults.UpperBoundCPUPercentile,
		ConfidenceIntervalCPU:      recommenderDefaults.ConfidenceIntervalCPU,
		TargetMemoryPercentile:     recommenderDefaults.TargetMemoryPercentile,
		LowerBoundMemoryPercentile: recommenderDefaults.LowerBoundMemoryPercentile,
		UpperBoundMemoryPercentile: recommenderDefaults.UpperBoundMemoryPercentile,
		ConfidenceIntervalMemory:   recommenderDefaults.ConfidenceIntervalMemory,
	})
}

// sample hands in what was used in the interval that ends now, and CPU once a minute, which confidence counts.
func (p *pod) sample(now time.Time, step time.Duration, used float64) {
	if p.spec.Status.StartTime == nil {
		p.started = now.Add(-step)
		p.spec.Status.StartTime = &metav1.Time{Time: p.started}
	}
	p.add(now, model.ResourceMemory, model.MemoryAmountFromBytes(min(used, float64(p.limit()))))
	for ago := max(step.Truncate(time.Minute), time.Minute) - time.Minute; ago >= 0; ago -= time.Minute {
		p.add(now.Add(-ago), model.ResourceCPU, model.CPUAmountFromCores(0.1))
	}
}

func (p *pod) add(at time.Time, kind model.ResourceName, amount model.ResourceAmount) {
	must(p.cluster.AddSample(&model.ContainerUsageSampleWithKey{
		ContainerUsageSample: model.ContainerUsageSample{MeasureStart: at, Usage: amount, Resource: kind},
		Container:            p.id,
	}))
}

// kill tells of a container that was killed now and started anew at once.
func (p *pod) kill(now time.Time) {
	must(p.cluster.RecordOOM(p.id, now, model.ResourceAmount(p.request())))
	p.spec.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
		Reason: "OOMKilled", StartedAt: metav1.NewTime(p.started), FinishedAt: metav1.NewTime(now),
	}
	p.started = now
}

// recommend writes the recommendation into the VPA object's status, as the recommender does.
func (p *pod) recommend() bounds {
	vpa := p.cluster.VPAs()[model.VpaID{Namespace: name, VpaName: name}]
	resources := p.recommender.GetRecommendedPodResources(routines.GetContainerNameToAggregateStateMap(vpa))
	found, known := resources[name]
	if !known || !p.seen(vpa) {
		p.object.Status.Recommendation = nil
		return bounds{math.NaN(), math.NaN(), math.NaN()}
	}
	p.object.Status.Recommendation = logic.MapToListOfRecommendedContainerResources(resources, logic.RecommendationFormat{
		HumanizeMemory:     recommenderDefaults.HumanizeMemory,
		RoundCPUMillicores: recommenderDefaults.RoundCPUMillicores,
		RoundMemoryBytes:   recommenderDefaults.RoundMemoryBytes,
	})
	bytes := func(of model.Resources) float64 { return float64(of[model.ResourceMemory]) }
	return bounds{bytes(found.LowerBound), bytes(found.Target), bytes(found.UpperBound)}
}

// seen tells whether the model has a sample. Before, a trace has no pod; the recommender would ask for its floor.
func (p *pod) seen(vpa *model.Vpa) bool {
	for _, state := range vpa.AggregateStateByContainerName() {
		if state.TotalSamplesCount > 0 {
			return true
		}
	}
	return false
}

// update resizes the pod where the updater would.
func (p *pod) update(now time.Time) {
	if p.object.Status.Recommendation == nil {
		return
	}
	calculator := priority.NewUpdatePriorityCalculator(p.object, priority.UpdateConfig{
		MinChangePriority:          updaterDefaults.DefaultUpdateThreshold,
		PodLifetimeUpdateThreshold: updaterDefaults.PodLifetimeUpdateThreshold,
		EvictAfterOOMThreshold:     updaterDefaults.EvictAfterOOMThreshold,
	}, p.processor, priority.NewProcessor())
	calculator.AddPod(p.spec, now, nil)
	if len(calculator.GetSortedPods(priority.NewDefaultPodEvictionAdmission())) == 0 {
		return
	}
	resources, _, err := p.provider.GetContainersResourcesForPod(p.spec, p.object)
	must(err)
	p.resize(resources[0].Requests[corev1.ResourceMemory], resources[0].Limits[corev1.ResourceMemory])
}

// collectGarbage drops what has not been sampled for 8 days.
func (p *pod) collectGarbage(now time.Time) {
	p.cluster.RateLimitedGarbageCollectAggregateCollectionStates(context.Background(), now, noControllers{})
}

func (p *pod) resize(request, limit resource.Quantity) {
	p.spec.Spec.Containers[0].Resources = corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceMemory: request},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: limit},
	}
	must(p.cluster.AddOrUpdateContainer(p.id, model.Resources{model.ResourceMemory: model.ResourceAmount(request.Value())}))
}

func (p *pod) request() int64 {
	return p.spec.Spec.Containers[0].Resources.Requests.Memory().Value()
}

func (p *pod) limit() int64 {
	return p.spec.Spec.Containers[0].Resources.Limits.Memory().Value()
}

func memory(bytes int64) resource.Quantity {
	return *resource.NewQuantity(bytes, resource.BinarySI)
}

// noControllers knows none: the pod is running, which is reason enough to keep what is known of it.
type noControllers struct{}

func (noControllers) FindTopMostWellKnownOrScalable(
	context.Context, *controllerfetcher.ControllerKeyWithAPIVersion,
) (*controllerfetcher.ControllerKeyWithAPIVersion, error) {
	return nil, nil
}

// must stops on what cannot be: every error here is a fault of this program.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("vpa: %v", err))
	}
}
