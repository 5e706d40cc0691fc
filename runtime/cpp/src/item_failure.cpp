#include "item_failure.h"

#include <cstdlib>
#include <new>
#include <string>
#include <type_traits>

namespace bert_runtime {

ItemFailure item_failure(const std::exception_ptr& thrown) {
  constexpr const char* kOurs = "; this is a fault of bert_runtime: please report it with the request";
  try {
    std::rethrow_exception(thrown);
  } catch (const InputError& error) {
    return error;
  } catch (const BackendError& error) {
    return error;
  } catch (const InternalError& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return BackendError("there is no memory for it; use shorter texts, or a smaller max_batch_tokens");
  } catch (const std::exception& error) {
    return InternalError(error.what() + std::string(kOurs));
  } catch (...) {
    return InternalError(std::string("an unknown error") + kOurs);
  }
}

ItemFailure at(const ItemFailure& failure, std::int64_t index) {
  return std::visit(
      [&](const auto& error) -> ItemFailure { return std::decay_t<decltype(error)>(error.problems(), index); },
      failure);
}

void throw_failure(const ItemFailure& failure) {
  std::visit([](const auto& error) { throw error; }, failure);
  std::abort();  // no failure is without an error
}

}  // namespace bert_runtime
