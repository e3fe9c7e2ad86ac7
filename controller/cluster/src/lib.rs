//! Live cluster facts through pruned watches; writes only kubeopt's own objects.
