#include "bench/workloads/chat.h"
#include "bench/workloads/connect.h"
#include "bench/workloads/feed.h"
#include "bench/workloads/rpc.h"

namespace dragstrip {

std::unique_ptr<LoadWorker> make_worker(const WorkerSetup& setup) {
  switch (setup.plan->workload->kind) {
    case WorkloadKind::rpc:
      return std::make_unique<RpcWorker>(setup);
    case WorkloadKind::feed:
      return std::make_unique<FeedWorker>(setup);
    case WorkloadKind::chat:
      return std::make_unique<ChatWorker>(setup);
    case WorkloadKind::connect:
      return std::make_unique<ConnectWorker>(setup);
  }
  return nullptr;
}

}  // namespace dragstrip
