// Package hpa runs the unmodified controller of the Kubernetes HorizontalPodAutoscaler in virtual time: it reads one
// observation per line and writes one decision per line. It is a test because testing/synctest exists for tests only.
package hpa

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	scalefake "k8s.io/client-go/scale/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

// kube-controller-manager's defaults (pkg/controller/podautoscaler/config/v1alpha1/defaults.go).
const (
	syncPeriod              = 15 * time.Second
	downscaleStabilisation  = 5 * time.Minute
	tolerance               = 0.1
	cpuInitializationPeriod = 5 * time.Minute
	initialReadinessDelay   = 30 * time.Second
)

const (
	namespace = "bench"
	name      = "pool"
)

// settings is the first line of the input.
type settings struct {
	Target float64 `json:"target"`
	Min    int32   `json:"min"`
	Max    int32   `json:"max"`
}

// observation is each further line, in the format of `switchboard-operator decide`.
type observation struct {
	T    float64 `json:"t"`
	Pods []struct {
		Name     string   `json:"name"`
		Ready    bool     `json:"ready"`
		AgeS     float64  `json:"age_s"`
		Sessions *float64 `json:"sessions"`
	} `json:"pods"`
	CurrentReplicas int32 `json:"current_replicas"`
}

// world holds the latest observation and the desired replicas. It is the controller's metrics client.
type world struct {
	mu      sync.Mutex
	now     observation
	desired int32
}

func (w *world) set(seen observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.desired == 0 {
		w.desired = seen.CurrentReplicas // from then on the controller sets it, and the simulator follows
	}
	w.now = seen
}

func (w *world) replicas() int32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.desired
}

// GetRawMetric returns the sessions of each sampled pod; no sample at all is an error, as in the real client.
func (w *world) GetRawMetric(string, string, labels.Selector, labels.Selector) (metrics.PodMetricsInfo, time.Time, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := metrics.PodMetricsInfo{}
	for _, pod := range w.now.Pods {
		if pod.Sessions != nil {
			found[pod.Name] = metrics.PodMetric{
				Timestamp: time.Now(), Window: time.Second, Value: int64(*pod.Sessions * 1000),
			}
		}
	}
	if len(found) == 0 {
		return nil, time.Time{}, errors.New("no metrics returned from custom metrics API")
	}
	return found, time.Now(), nil
}

var errOther = errors.New("the pool scales by sessions only")

func (*world) GetResourceMetric(
	context.Context, v1.ResourceName, string, labels.Selector, string,
) (metrics.PodMetricsInfo, time.Time, error) {
	return nil, time.Time{}, errOther
}

func (*world) GetObjectMetric(
	string, string, *autoscalingv2.CrossVersionObjectReference, labels.Selector,
) (int64, time.Time, error) {
	return 0, time.Time{}, errOther
}

func (*world) GetExternalMetric(string, string, labels.Selector) ([]int64, time.Time, error) {
	return nil, time.Time{}, errOther
}

// scales returns a scale subresource that reads and writes the world.
func (w *world) scales() *scalefake.FakeScaleClient {
	client := &scalefake.FakeScaleClient{}
	client.AddReactor("get", "deployments", func(clienttesting.Action) (bool, runtime.Object, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return true, &autoscalingv1.Scale{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec:       autoscalingv1.ScaleSpec{Replicas: w.desired},
			Status:     autoscalingv1.ScaleStatus{Replicas: w.desired, Selector: "app=pool"},
		}, nil
	})
	client.AddReactor("update", "deployments", func(action clienttesting.Action) (bool, runtime.Object, error) {
		scale := action.(clienttesting.UpdateAction).GetObject().(*autoscalingv1.Scale)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.desired = scale.Spec.Replicas
		return true, scale, nil
	})
	return client
}

func TestDrive(t *testing.T) {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	var set settings
	if !lines.Scan() {
		t.Fatal("no settings")
	}
	if err := json.Unmarshal(lines.Bytes(), &set); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriter(os.Stdout)
	synctest.Test(t, func(t *testing.T) { drive(t, set, lines, out) })
}

func drive(t *testing.T, set settings, lines *bufio.Scanner, out *bufio.Writer) {
	state := &world{}
	var pods cache.Store
	begin := time.Now()
	for lines.Scan() {
		var seen observation
		if err := json.Unmarshal(lines.Bytes(), &seen); err != nil {
			t.Fatal(err)
		}
		// The observation is set just before the controller's timers of this instant fire; the answer is read just after.
		at := begin.Add(time.Duration(seen.T * float64(time.Second)))
		time.Sleep(time.Until(at.Add(-time.Millisecond)))
		state.set(seen)
		if pods == nil {
			pods = start(t, set, state)
		}
		if err := pods.Replace(objects(seen), ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(at.Add(time.Millisecond)))
		synctest.Wait()
		fmt.Fprintf(out, "{\"desired\":%d}\n", state.replicas())
		if err := out.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	os.Exit(0)
}

// objects returns the pods as objects for the controller's cache.
func objects(seen observation) []any {
	found := make([]any, 0, len(seen.Pods))
	for _, pod := range seen.Pods {
		started := metav1.NewTime(time.Now().Add(-time.Duration(pod.AgeS * float64(time.Second))))
		ready := v1.ConditionFalse
		if pod.Ready {
			ready = v1.ConditionTrue
		}
		found = append(found, &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: pod.Name, Labels: map[string]string{"app": "pool"}, CreationTimestamp: started,
			},
			Status: v1.PodStatus{
				Phase:     v1.PodRunning,
				StartTime: &started,
				Conditions: []v1.PodCondition{
					{Type: v1.PodReady, Status: ready, LastTransitionTime: started},
				},
			},
		})
	}
	return found
}

// start runs the controller with fake clients and returns its cache of pods.
func start(t *testing.T, set settings, state *world) cache.Store {
	clients := fake.NewClientset(&autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{
				APIVersion: "apps/v1", Kind: "Deployment", Name: name,
			},
			MinReplicas: &set.Min,
			MaxReplicas: set.Max,
			Metrics: []autoscalingv2.MetricSpec{{
				Type: autoscalingv2.PodsMetricSourceType,
				Pods: &autoscalingv2.PodsMetricSource{
					Metric: autoscalingv2.MetricIdentifier{Name: "sessions"},
					Target: autoscalingv2.MetricTarget{
						Type:         autoscalingv2.AverageValueMetricType,
						AverageValue: resource.NewMilliQuantity(int64(set.Target*1000), resource.DecimalSI),
					},
				},
			}},
		},
	})
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{{Group: "apps", Version: "v1"}})
	mapper.Add(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, meta.RESTScopeNamespace)
	factory := informers.NewSharedInformerFactory(clients, 0)
	hpas := factory.Autoscaling().V2().HorizontalPodAutoscalers()
	pods := factory.Core().V1().Pods()
	ctx := context.Background()
	controller := podautoscaler.NewHorizontalController(
		ctx, clients.CoreV1(), state.scales(), clients.AutoscalingV2(), mapper, state, hpas, pods,
		syncPeriod, downscaleStabilisation, tolerance, cpuInitializationPeriod, initialReadinessDelay,
	)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	go controller.Run(ctx, 5)
	return pods.Informer().GetStore()
}
