// Package kpa runs Knative's autoscaler, the unmodified packages of knative.dev/serving, in virtual time: it reads one
// observation per line and writes one decision per line. It is a test because testing/synctest exists for tests only.
package kpa

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

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	autoscalingv1alpha1 "knative.dev/serving/pkg/apis/autoscaling/v1alpha1"
	"knative.dev/serving/pkg/autoscaler/config"
	"knative.dev/serving/pkg/autoscaler/config/autoscalerconfig"
	"knative.dev/serving/pkg/autoscaler/metrics"
	"knative.dev/serving/pkg/autoscaler/scaling"
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
		Ready    bool     `json:"ready"`
		Sessions *float64 `json:"sessions"`
	} `json:"pods"`
	CurrentReplicas int32 `json:"current_replicas"`
}

// world holds the latest observation, which the autoscaler scrapes.
type world struct {
	mu  sync.Mutex
	now observation
}

func (w *world) set(o observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = o
}

// ReadyCount and NotReadyCount count pods, as resources.EndpointsCounter.
func (w *world) ReadyCount() (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ready := 0
	for _, pod := range w.now.Pods {
		if pod.Ready {
			ready++
		}
	}
	return ready, nil
}

func (w *world) NotReadyCount() (int, error) {
	ready, _ := w.ReadyCount()
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.now.Pods) - ready, nil
}

// Scrape answers like the service scraper: the mean of the pods that answered, times the number of ready pods.
func (w *world) Scrape(time.Duration) (metrics.Stat, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var sum, answered, ready float64
	for _, pod := range w.now.Pods {
		if !pod.Ready {
			continue
		}
		ready++
		if pod.Sessions != nil {
			answered++
			sum += *pod.Sessions
		}
	}
	if ready == 0 {
		return metrics.Stat{}, nil
	}
	if answered == 0 {
		return metrics.Stat{}, errors.New("no pod answered")
	}
	return metrics.Stat{PodName: "service-scraper", AverageConcurrentRequests: sum / answered * ready}, nil
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
	defaults, err := config.NewConfigFromMap(nil)
	if err != nil {
		t.Fatal(err)
	}
	logger := zap.NewNop().Sugar()
	pods := &world{}
	meta := metav1.ObjectMeta{Namespace: "bench", Name: "pool"}
	var scaler *scaling.MultiScaler
	begin := time.Now()
	for lines.Scan() {
		var seen observation
		if err := json.Unmarshal(lines.Bytes(), &seen); err != nil {
			t.Fatal(err)
		}
		// The observation is set just before the autoscaler's timers of this instant fire; the answer is read just after.
		at := begin.Add(time.Duration(seen.T * float64(time.Second)))
		time.Sleep(time.Until(at.Add(-time.Millisecond)))
		pods.set(seen)
		if scaler == nil {
			scaler = start(t, set, *defaults, pods, meta, logger)
		}
		time.Sleep(time.Until(at.Add(time.Millisecond)))
		synctest.Wait()
		decider, err := scaler.Get(context.Background(), meta.Namespace, meta.Name)
		if err != nil {
			t.Fatal(err)
		}
		desired := decider.Status.DesiredScale
		if desired < 0 {
			desired = seen.CurrentReplicas // no metrics yet: as in the PodAutoscaler's reconciler
		}
		desired = min(max(desired, set.Min), set.Max)
		fmt.Fprintf(out, "{\"desired\":%d}\n", desired)
		if err := out.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	os.Exit(0)
}

// start connects the packages as serving's cmd/autoscaler and the PodAutoscaler's reconciler do.
func start(
	t *testing.T, set settings, defaults autoscalerconfig.Config, pods *world, meta metav1.ObjectMeta, logger *zap.SugaredLogger,
) *scaling.MultiScaler {
	collector := metrics.NewMetricCollector(
		func(*autoscalingv1alpha1.Metric, *zap.SugaredLogger) (metrics.StatsScraper, error) { return pods, nil },
		logger,
	)
	panicWindow := time.Duration(float64(defaults.StableWindow) * defaults.PanicWindowPercentage / 100)
	if err := collector.CreateOrUpdate(&autoscalingv1alpha1.Metric{
		ObjectMeta: meta,
		Spec: autoscalingv1alpha1.MetricSpec{
			StableWindow: defaults.StableWindow, PanicWindow: panicWindow, ScrapeTarget: "pool",
		},
	}); err != nil {
		t.Fatal(err)
	}
	scaler := scaling.NewMultiScaler(make(chan struct{}), func(d *scaling.Decider) (scaling.UniScaler, error) {
		return scaling.New(
			*attribute.EmptySet(), noop.NewMeterProvider(), d.Namespace, d.Name, collector, pods, &d.Spec,
		), nil
	}, logger)
	scaler.Watch(func(types.NamespacedName) {})
	if _, err := scaler.Create(context.Background(), &scaling.Decider{
		ObjectMeta: meta,
		Spec: scaling.DeciderSpec{
			MaxScaleUpRate:      defaults.MaxScaleUpRate,
			MaxScaleDownRate:    defaults.MaxScaleDownRate,
			ScalingMetric:       "concurrency",
			TargetValue:         set.Target,
			TotalValue:          set.Target,
			TargetBurstCapacity: defaults.TargetBurstCapacity,
			ActivatorCapacity:   defaults.ActivatorCapacity,
			PanicThreshold:      defaults.PanicThresholdPercentage / 100,
			StableWindow:        defaults.StableWindow,
			ScaleDownDelay:      defaults.ScaleDownDelay,
			InitialScale:        defaults.InitialScale,
			Reachable:           true,
		},
	}); err != nil {
		t.Fatal(err)
	}
	return scaler
}
