#include "weights/zip.h"

#include <zip.h>

#include <memory>

#include "core/error.h"

namespace quench::weights {
namespace {

/// libzip's error structure, freed at the end.
struct Reason {
  Reason() { zip_error_init(&error); }
  ~Reason() { zip_error_fini(&error); }
  Reason(const Reason&) = delete;
  Reason& operator=(const Reason&) = delete;
  zip_error_t error;
};

/// TorchScript's archives hold programs beside the tensors, and compress them.
void refuse_script(std::string_view name, std::string_view where) {
  if (!name.ends_with("/constants.pkl") && name.find("/code/") == std::string_view::npos) return;
  fail(ErrorKind::unsupported,
       "[weights.zip] expected a checkpoint of torch.save, got a TorchScript archive, which holds a program: give the "
       "checkpoint that it was made of, or ONNX ({})",
       where);
}

zip_t* open(std::string_view bytes, std::string_view where) {
  Reason reason;
  if (bytes.empty()) fail(ErrorKind::data, "[weights.zip] expected a zip archive, got no bytes ({})", where);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &reason.error);
  if (!source) fail(ErrorKind::backend, "[weights.zip] libzip: {} ({})", zip_error_strerror(&reason.error), where);
  zip_t* archive = zip_open_from_source(source, ZIP_RDONLY, &reason.error);
  if (!archive) {
    zip_source_free(source);
    fail(ErrorKind::data,
         "[weights.zip] expected a whole zip archive, got bytes that are none: {}; a download that broke off is to be "
         "repeated ({})",
         zip_error_strerror(&reason.error), where);
  }
  return archive;
}

}  // namespace

Zip::Zip(std::string_view bytes, std::string_view where) : where_(where), archive_(open(bytes, where)) {
  try {
    const zip_int64_t count = zip_get_num_entries(archive_, 0);
    for (zip_int64_t i = 0; i < count; ++i) {
      zip_stat_t info;
      zip_stat_init(&info);
      const char* name = zip_get_name(archive_, i, ZIP_FL_ENC_RAW);
      constexpr zip_uint64_t kWanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
      if (!name || zip_stat_index(archive_, i, 0, &info) != 0 || (info.valid & kWanted) != kWanted) {
        fail(ErrorKind::data, "[weights.zip] expected entry {} readable, got: {} ({})", i, zip_strerror(archive_),
             where);
      }
      refuse_script(name, where);
      const bool encrypted = (info.valid & ZIP_STAT_ENCRYPTION_METHOD) && info.encryption_method != ZIP_EM_NONE;
      if (info.comp_method != ZIP_CM_STORE || encrypted) {
        fail(ErrorKind::data, "[weights.zip] expected stored entries, as torch.save writes them, got '{}' {} ({})",
             name, encrypted ? "encrypted" : "compressed", where);
      }
      if (info.size != info.comp_size || info.size > bytes.size() - size_bytes_) {
        fail(ErrorKind::data, "[weights.zip] expected entries that fit {} bytes, got '{}' of {} ({})", bytes.size(),
             name, info.size, where);
      }
      size_bytes_ += info.size;
      if (!entries_.emplace(name, Entry{static_cast<uint64_t>(i), info.size}).second) {
        fail(ErrorKind::data, "[weights.zip] expected every name once, got '{}' twice ({})", name, where);
      }
    }
  } catch (...) {
    zip_discard(archive_);
    throw;
  }
}

Zip::~Zip() { zip_discard(archive_); }

std::string Zip::read(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) fail(ErrorKind::data, "[weights.zip] expected entry '{}', got none ({})", name, where_);
  const auto damaged = [&](const char* reason) {
    fail(ErrorKind::data, "[weights.zip] expected entry '{}' whole, got: {} ({})", name, reason, where_);
  };
  zip_file_t* file = zip_fopen_index(archive_, found->second.index, 0);
  if (!file) damaged(zip_strerror(archive_));
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> closer(file, &zip_fclose);
  std::string content(found->second.size_bytes, '\0');
  for (size_t at = 0; at < content.size();) {
    const zip_int64_t got = zip_fread(file, content.data() + at, content.size() - at);
    if (got < 0) damaged(zip_file_strerror(file));
    if (got == 0) damaged("its end too early");
    at += static_cast<size_t>(got);
  }
  char more;
  const zip_int64_t end = zip_fread(file, &more, 1);  // at the end the checksum is compared
  if (end != 0) damaged(end < 0 ? zip_file_strerror(file) : "more than its size");
  return content;
}

}  // namespace quench::weights
